#pragma once

#include "kernels/update.h"

// Adam and its relatives, as in optimizer.h. All keep  m = b1 m + (1 - b1) g  and, but for Adamax and schedule-free,
// v = b2 v + (1 - b2) g^2.  m^ and v^ are m / (1 - b1^step) and v / (1 - b2^step).
// `running` holds what steps carry on besides arrays, twice: a step reads what the one before left and writes the other
// place, so that threads of one step need not wait for each other.

namespace lamella {
namespace {

// value -= lr m^ / (sqrt(v^) + eps), m and v themselves without bias_correction.
// Kingma & Ba 2015; with amsgrad (Reddi et al. 2018) the largest v so far takes v's place.
struct AdamHyper : UpdateHyper {
  double beta1, beta2, eps, bias_correction;
};
template <typename T>
void adam_update(T* value,    // (count)
                 T* first,    // (count), m
                 T* second,   // (count), v
                 T* largest,  // (count) or null: not amsgrad
                 const T* grad, const double* scale, Dim count, const AdamHyper& hyper, const Team& team);

// mu_t = b1 (1 - 0.96^(t momentum_decay) / 2);  p = mu_1 ... mu_t;
// value -= lr ((1 - mu_t) / (1 - p) g + mu_t+1 / (1 - p mu_t+1) m) / (sqrt(v^) + eps).  Dozat 2016.
struct NadamHyper : UpdateHyper {
  double beta1, beta2, eps, momentum_decay;
};
template <typename T>
void nadam_update(T* value,         // (count)
                  T* first,         // (count)
                  T* second,        // (count)
                  double* running,  // (2), p
                  const T* grad, const double* scale, Dim count, const NadamHyper& hyper, const Team& team);

// r = 2 / (1 - b2) - 1;  r_t = r - 2 t b2^t / (1 - b2^t);  c = sqrt((r_t - 4) (r_t - 2) r / ((r - 4) (r - 2) r_t));
// value -= lr m^ (r_t > 5 ? c sqrt(1 - b2^t) / (sqrt(v) + eps) : 1).  Liu et al. 2020.
struct RadamHyper : UpdateHyper {
  double beta1, beta2, eps;
};
template <typename T>
void radam_update(T* value,   // (count)
                  T* first,   // (count)
                  T* second,  // (count)
                  const T* grad, const double* scale, Dim count, const RadamHyper& hyper, const Team& team);

// u = max(b2 u, |g| + eps);  value -= lr m^ / u.  Kingma & Ba 2015.
struct AdamaxHyper : UpdateHyper {
  double beta1, beta2, eps;
};
template <typename T>
void adamax_update(T* value,    // (count)
                   T* first,    // (count)
                   T* largest,  // (count), u
                   const T* grad, const double* scale, Dim count, const AdamaxHyper& hyper, const Team& team);

// Schedule-free AdamW (Defazio et al. 2024). value is the point y where gradients are taken, z the fast iterate:
// lr_t = lr min(1, t / warmup_steps);  w = t^r max(lr_1 .. lr_t)^weight_lr_power;  c = w / (sum of all w);
// d = g / (sqrt(v^) + eps) + decay y;  y = (1 - c) y + c z + lr_t (b1 (1 - c) - 1) d;  z -= lr_t d.
// The average is x = y + (1 - 1 / b1) (z - y). At the first step z is y.
struct ScheduleFreeHyper : UpdateHyper {
  double beta1, beta2, eps, decay, warmup_steps, r, weight_lr_power;
};
template <typename T>
void schedule_free_update(T* value,         // (count), y
                          T* fast,          // (count), z
                          T* second,        // (count), v
                          double* running,  // (2, 2): sum of weights, largest rate
                          const T* grad, const double* scale, Dim count, const ScheduleFreeHyper& hyper,
                          const Team& team);

}  // namespace
}  // namespace lamella
