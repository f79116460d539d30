#pragma once

#include "kernels/update.h"

// Muon (Jordan et al. 2024): the momentum of a matrix is made orthogonal by Newton and Schulz's iteration, whose
// products are ops of their own (affine_product in gemm.h): X = direction / |direction|, then some times
// G = X X^T,  P = c G G + b G,  X = P X + a X.

namespace lamella {
namespace {

struct MuonHyper : UpdateHyper {
  double momentum, nesterov, eps;
  double adjusted;  // how lr follows the shape. 0: sqrt(max(1, out / in)); 1: 0.2 sqrt(max(out, in))
};

// m = momentum m + (1 - momentum) g;  direction = nesterov ? momentum m + (1 - momentum) g : m.
template <typename T>
void muon_momentum(T* direction,    // (count)
                   T* momentum,     // (count)
                   double* sums,    // (sum_chunks(count)): squares of direction
                   const T* value,  // (count)
                   const T* grad, const double* scale, Dim count, const MuonHyper& hyper, const Team& team);

// out = direction / max(|direction|, eps). out may be direction.
template <typename T>
void muon_normalize(T* out,              // (count)
                    const T* direction,  // (count)
                    const double* sums,  // (sum_chunks(count))
                    Dim count, const MuonHyper& hyper, const Team& team);

// value = (1 - lr shrink) value - lr adjusted direction.
template <typename T>
void muon_apply(T* value,            // (out, in), in any order
                const T* direction,  // likewise
                Dim out, Dim in, const MuonHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
