#pragma once

#include "kernels/kernel.h"

// Normalization of each row by its own statistics: layer normalization (Ba et al. 2016) and, without a mean, RMS
// normalization (Zhang & Sennrich 2019). The variance is the biased one, as in PyTorch.

namespace lamella {
namespace {

struct LayerNormHyper {
  double eps;  // negative: the machine epsilon of the element type
};

// y = gamma xhat + beta, xhat = (x - mean) inverse_std, inverse_std = 1 / sqrt(mean((x - mean)^2) + eps); saves both
// statistics for the backward. y may not alias x, which the backward reads again. The epilogue (an activation) is
// applied to some finished rows at a time.
template <typename T>
void layernorm_forward(T* y,            // (n, width)
                       T* mean,         // (n) or null: rows are not centred, the mean counts as 0
                       T* inverse_std,  // (n)
                       const T* x,      // (n, width)
                       const T* gamma,  // (width) or null: 1
                       const T* beta,   // (width) or null: 0
                       Rows n, Dim width, const LayerNormHyper& hyper, const Epilogue<T>& epilogue, const Team& team);

// With g = gamma dy: dx = inverse_std (g - mean(g) - xhat mean(g xhat)), without mean(g) if rows are not centred;
// dgamma = sum(dy xhat) and dbeta = sum(dy) over the batch, added if accumulate. dx may not be dy.
template <typename T>
void layernorm_backward(T* dx,                 // (n, width) or null: not wanted
                        T* dgamma,             // (width) or null
                        T* dbeta,              // (width) or null
                        const T* dy,           // (n, width)
                        const T* x,            // (n, width)
                        const T* mean,         // (n) or null, as in the forward
                        const T* inverse_std,  // (n)
                        const T* gamma,        // (width) or null
                        Rows n, Dim width, Flag accumulate, const Team& team);

}  // namespace
}  // namespace lamella
