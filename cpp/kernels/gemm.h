#pragma once

#include "kernels/kernel.h"

// Products outside the layers.

namespace lamella {
namespace {

// C = A B, plain: for tests and benchmarks.
template <typename T>
void gemm(T* c,        // (m, n)
          const T* a,  // (m, k), or (k, m) if transpose_a
          const T* b,  // (k, n), or (n, k) if transpose_b
          Rows m, Dim n, Dim k, Flag transpose_a, Flag transpose_b, const Team& team);

struct AffineHyper {
  double alpha, beta;
};

// C = alpha A B + beta D, all of fixed size. c may not alias anything.
template <typename T>
void affine_product(T* c,        // (m, n)
                    const T* a,  // (m, k), or (k, m) if transpose_a
                    const T* b,  // (k, n), or (n, k) if transpose_b
                    const T* d,  // (m, n) or null
                    Dim m, Dim n, Dim k, Flag transpose_a, Flag transpose_b, const AffineHyper& hyper,
                    const Team& team);

}  // namespace
}  // namespace lamella
