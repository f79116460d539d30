#pragma once

#include "kernels/kernel.h"

// The products of linear.h with both factors rounded to bfloat16 (8 bits of significand, to nearest even) and sums in
// float32: the same operands, float32 all of them, and results. Ways differ in the order of additions, and so in the
// last bits: AVX512-BF16 takes two terms at a time, AMX 32. A way that the machine lacks may not be asked for; its
// emulation gives the same bits. float64 is multiplied as it is.

namespace lamella {
namespace {

template <typename T>
void linear_forward_bf16(T* y,        // (n, out)
                         const T* x,  // (n, in)
                         const T* w,  // (in, out)
                         const T* b,  // (out)
                         Rows n, Dim in, Dim out, Bf16Way way, const Epilogue<T>& epilogue, const Team& team);

template <typename T>
void linear_backward_input_bf16(T* dx,        // (n, in)
                                const T* dy,  // (n, out)
                                const T* w,   // (in, out)
                                Rows n, Dim in, Dim out, Bf16Way way, const Epilogue<T>& epilogue, const Team& team);

template <typename T>
void tied_forward_bf16(T* y,        // (n, in)
                       const T* x,  // (n, out)
                       const T* w,  // (in, out)
                       const T* b,  // (in)
                       Rows n, Dim in, Dim out, Bf16Way way, const Epilogue<T>& epilogue, const Team& team);

template <typename T>
void linear_backward_weight_bf16(T* dw,        // (in, out)
                                 T* db,        // (out)
                                 const T* dy,  // (n, out)
                                 const T* x,   // (n, in)
                                 Rows n, Dim in, Dim out, Flag accumulate, Bf16Way way, const Team& team);

}  // namespace
}  // namespace lamella
