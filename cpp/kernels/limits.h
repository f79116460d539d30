#pragma once

#include "kernels/kernel.h"

// What the machine can do at most, to set beside what kernels do: multiply-adds in registers, and a copy.

namespace lamella {
namespace {

// Chains of fused multiply-adds that never leave the registers: each thread does `multiply_adds` of them a repeat.
template <typename T>
void multiply_add_limit(T* out,            // (threads, 16): sums, so that nothing is left out
                        T* multiply_adds,  // (1): how many each thread does a repeat
                        Dim threads, Dim repeats, const Team& team);

// y = x by plain vector loads and stores, as kernels do them.
template <typename T>
void copy_limit(T* y,        // (n, width)
                const T* x,  // (n, width)
                Rows n, Dim width, const Team& team);

}  // namespace
}  // namespace lamella
