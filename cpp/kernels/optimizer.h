#pragma once

#include "kernels/kernel.h"

// Fused updates: one pass over parameters, gradients and slots, elementwise, so that any cut gives the same bits.
// PyTorch's algebra. `step` counts updates, this one included; weight_decay adds weight_decay * value to the gradient.

namespace lamella {
namespace {

// v = momentum v + (1 - dampening) g (v = g at the first step);  value -= lr (nesterov ? g + momentum v : v).
struct SgdHyper {
  double step, lr, momentum, dampening, nesterov, weight_decay;
};
template <typename T>
void sgd_update(T* value,     // (count)
                T* velocity,  // (count) or null: no momentum
                const T* grad, Dim count, const SgdHyper& hyper, const Team& team);

// s = alpha s + (1 - alpha) g^2;  a = alpha a + (1 - alpha) g if centered;  d = g / (sqrt(s - a^2) + eps);
// value -= lr d, or with momentum  b = momentum b + d;  value -= lr b.
struct RmspropHyper {
  double step, lr, alpha, eps, weight_decay, momentum;
};
template <typename T>
void rmsprop_update(T* value,     // (count)
                    T* square,    // (count)
                    T* average,   // (count) or null: not centered
                    T* velocity,  // (count) or null: no momentum
                    const T* grad, Dim count, const RmspropHyper& hyper, const Team& team);

// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  value -= lr / (1 - b1^step) m / (sqrt(v / (1 - b2^step)) + eps).
// Kingma & Ba 2015; with amsgrad (Reddi et al. 2018) the largest v so far takes v's place.
struct AdamHyper {
  double step, lr, beta1, beta2, eps, weight_decay;
};
template <typename T>
void adam_update(T* value,    // (count)
                 T* first,    // (count)
                 T* second,   // (count)
                 T* largest,  // (count) or null: not amsgrad
                 const T* grad, Dim count, const AdamHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
