#pragma once

#include "kernels/kernel.h"

// Batch normalization over columns, Ioffe & Szegedy 2015, with PyTorch's conventions: the biased variance normalises,
// the unbiased one goes into the running average; running = (1 - momentum) running + momentum batch.

namespace lamella {
namespace {

struct BatchNormHyper {
  double eps;
  double momentum;  // negative: the cumulative average, 1 / batches
  double batches;   // forward passes in training so far, this one included
};

// y = gamma xhat + beta, xhat = (x - mean) inverse_std; saves both statistics for the backward. n >= 2. y may not
// alias x, which the backward reads again. The epilogue (an activation) is applied to some finished rows of y at a
// time.
template <typename T>
void batchnorm_forward(T* y,             // (n, width)
                       T* mean,          // (width)
                       T* inverse_std,   // (width)
                       T* running_mean,  // (width)
                       T* running_var,   // (width)
                       const T* x,       // (n, width)
                       const T* gamma,   // (width) or null: 1
                       const T* beta,    // (width) or null: 0
                       Rows n, Dim width, const BatchNormHyper& hyper, const Epilogue<T>& epilogue, const Team& team);

// dx = gamma inverse_std (dy - mean(dy) - xhat mean(dy xhat)); dgamma = sum(dy xhat), dbeta = sum(dy), added if
// accumulate. dx may be dy.
template <typename T>
void batchnorm_backward(T* dx,                 // (n, width) or null: not wanted
                        T* dgamma,             // (width) or null
                        T* dbeta,              // (width) or null
                        const T* dy,           // (n, width)
                        const T* x,            // (n, width)
                        const T* mean,         // (width)
                        const T* inverse_std,  // (width)
                        const T* gamma,        // (width) or null
                        Rows n, Dim width, Flag accumulate, const Team& team);

// The same with the running statistics as constants.
template <typename T>
void batchnorm_frozen_forward(T* y,                   // (n, width)
                              const T* x,             // (n, width)
                              const T* running_mean,  // (width)
                              const T* running_var,   // (width)
                              const T* gamma,         // (width) or null
                              const T* beta,          // (width) or null
                              Rows n, Dim width, const BatchNormHyper& hyper, const Epilogue<T>& epilogue,
                              const Team& team);

template <typename T>
void batchnorm_frozen_backward(T* dx,                  // (n, width) or null
                               T* dgamma,              // (width) or null
                               T* dbeta,               // (width) or null
                               const T* dy,            // (n, width)
                               const T* x,             // (n, width)
                               const T* running_mean,  // (width)
                               const T* running_var,   // (width)
                               const T* gamma,         // (width) or null
                               Rows n, Dim width, Flag accumulate, const BatchNormHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
