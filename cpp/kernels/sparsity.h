#pragma once

#include "kernels/kernel.h"

// A penalty on activations x: l1 / n sum |x| + kl sum_j KL(target || m_j), m_j the mean of column j over the batch and
// KL(t || m) = t log(t / m) + (1 - t) log((1 - t) / (1 - m)). Means are held within [kMeanRoom, 1 - kMeanRoom], so that
// a unit that is never active (or always) has a finite penalty, and a finite slope that leads away from there.

namespace lamella {
namespace {

constexpr double kMeanRoom = 1e-6;

struct SparsityHyper {
  double l1, kl, target;
};

struct SparsityResult {
  double value;
  double total;  // of all batches so far
};

template <typename T>
void sparsity_forward(SparsityResult* result,  //
                      T* slope,                // (width): what the KL term adds to the gradient of each row
                      T* partial,              // (width): penalty of each column
                      const T* x,              // (n, width)
                      Rows n, Dim width, const SparsityHyper& hyper, const Team& team);

// dx = dy + l1 / n sign(x) + slope. dx may be dy.
template <typename T>
void sparsity_backward(T* dx,           // (n, width)
                       const T* dy,     // (n, width)
                       const T* x,      // (n, width)
                       const T* slope,  // (width)
                       Rows n, Dim width, const SparsityHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
