#pragma once

#include "kernels/kernel.h"

// C = A B, plain: for tests, benchmarks and callers outside the layers.

namespace lamella {
namespace {

template <typename T>
void gemm(T* c,        // (m, n)
          const T* a,  // (m, k), or (k, m) if transpose_a
          const T* b,  // (k, n), or (n, k) if transpose_b
          Rows m, Dim n, Dim k, Flag transpose_a, Flag transpose_b, const Team& team);

}  // namespace
}  // namespace lamella
