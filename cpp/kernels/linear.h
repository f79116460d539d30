#pragma once

#include "kernels/kernel.h"

// y = x w + b, with weights stored (in, out): then the forward product and the weight gradient read both their factors
// along rows, and only the input gradient, which the first layer does not need, reads one transposed.

namespace lamella {
namespace {

// y may not alias x. b may be null. The epilogue (activation, dropout) is applied to finished rows of tiles of y.
template <typename T>
void linear_forward(T* y,        // (n, out)
                    const T* x,  // (n, in)
                    const T* w,  // (in, out)
                    const T* b,  // (out)
                    Rows n, Dim in, Dim out, const Epilogue<T>& epilogue, const Team& team);

// dx = dy w^T. The epilogue (the backward of what came before this layer) is applied to finished rows of tiles.
template <typename T>
void linear_backward_input(T* dx,        // (n, in)
                           const T* dy,  // (n, out)
                           const T* w,   // (in, out)
                           Rows n, Dim in, Dim out, const Epilogue<T>& epilogue, const Team& team);

// y = x w^T + b: the layer's weights the other way round. y may not alias x. b may be null.
template <typename T>
void tied_forward(T* y,        // (n, in)
                  const T* x,  // (n, out)
                  const T* w,  // (in, out)
                  const T* b,  // (in)
                  Rows n, Dim in, Dim out, const Epilogue<T>& epilogue, const Team& team);

// dw = x^T dy and db = column sums of dy, added to what is there if accumulate. db may be null.
template <typename T>
void linear_backward_weight(T* dw,        // (in, out)
                            T* db,        // (out)
                            const T* dy,  // (n, out)
                            const T* x,   // (n, in)
                            Rows n, Dim in, Dim out, Flag accumulate, const Team& team);

// db = column sums of dy, added to what is there if accumulate: the gradient of a bias by itself.
template <typename T>
void column_sums(T* db,        // (width)
                 const T* dy,  // (n, width)
                 Rows n, Dim width, Flag accumulate, const Team& team);

}  // namespace
}  // namespace lamella
