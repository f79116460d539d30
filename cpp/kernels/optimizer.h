#pragma once

#include "kernels/update.h"

// Fused updates: one pass over parameters, gradients and slots, elementwise, so that any cut gives the same bits.
// PyTorch's algebra. g and value are what UpdateHyper makes of them; scale may be null.

namespace lamella {
namespace {

// v = momentum v + (1 - dampening) g (v = g at the first step);  value -= lr (nesterov ? g + momentum v : v).
struct SgdHyper : UpdateHyper {
  double momentum, dampening, nesterov;
};
template <typename T>
void sgd_update(T* value,     // (count)
                T* velocity,  // (count) or null: no momentum
                const T* grad, const double* scale, Dim count, const SgdHyper& hyper, const Team& team);

// s = s + g^2;  value -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps).  Duchi et al. 2011.
struct AdagradHyper : UpdateHyper {
  double lr_decay, eps;
};
template <typename T>
void adagrad_update(T* value,   // (count)
                    T* square,  // (count)
                    const T* grad, const double* scale, Dim count, const AdagradHyper& hyper, const Team& team);

// s = rho s + (1 - rho) g^2;  d = sqrt(a + eps) / sqrt(s + eps) g;  a = rho a + (1 - rho) d^2;  value -= lr d.
// Zeiler 2012.
struct AdadeltaHyper : UpdateHyper {
  double rho, eps;
};
template <typename T>
void adadelta_update(T* value,   // (count)
                     T* square,  // (count)
                     T* change,  // (count), a
                     const T* grad, const double* scale, Dim count, const AdadeltaHyper& hyper, const Team& team);

// s = alpha s + (1 - alpha) g^2;  a = alpha a + (1 - alpha) g if centered;  d = g / (sqrt(s - a^2) + eps);
// value -= lr d, or with momentum  b = momentum b + d;  value -= lr b.
struct RmspropHyper : UpdateHyper {
  double alpha, eps, momentum;
};
template <typename T>
void rmsprop_update(T* value,     // (count)
                    T* square,    // (count)
                    T* average,   // (count) or null: not centered
                    T* velocity,  // (count) or null: no momentum
                    const T* grad, const double* scale, Dim count, const RmspropHyper& hyper, const Team& team);

// value -= lr sign(b1 m + (1 - b1) g);  m = b2 m + (1 - b2) g.  Chen et al. 2023.
struct LionHyper : UpdateHyper {
  double beta1, beta2;
};
template <typename T>
void lion_update(T* value,    // (count)
                 T* average,  // (count)
                 const T* grad, const double* scale, Dim count, const LionHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
