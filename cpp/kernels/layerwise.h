#pragma once

#include "kernels/update.h"

// Updates that look at a parameter as a whole: one op each. Threads wait for each other inside, where a sum over the
// parameter decides what follows.

namespace lamella {
namespace {

// d = m^ / (sqrt(v^) + eps) + decay value, m^ and v^ as Adam's;  value -= lr |value| / |d| d, or lr d where a norm is
// 0. You et al. 2020.
struct LambHyper : UpdateHyper {
  double beta1, beta2, eps, decay, bias_correction;
};
template <typename T>
void lamb_update(T* value,      // (count)
                 T* first,      // (count)
                 T* second,     // (count)
                 double* sums,  // (2, sum_chunks(count))
                 const T* grad, const double* scale, Dim count, const LambHyper& hyper, const Team& team);

// With f = step^beta2_decay:  r += f (mean of g^2 over columns - r),  c += f (mean over rows - c),  v = r c / mean(r);
// d = g / sqrt(max(v, eps1^2));  a = max(eps2, rms(value)) min(lr, 1 / sqrt(step));  value -= a / max(1, rms(d) / clip)
// d.  Shazeer & Stern 2018, PyTorch's algebra.
struct AdafactorHyper : UpdateHyper {
  double beta2_decay;
  double eps1;  // negative: the element type's epsilon
  double eps2;
  double clip;  // d in PyTorch
};
template <typename T>
void adafactor_matrix_update(T* value,      // (rows, cols)
                             T* row_var,    // (rows)
                             T* col_var,    // (cols)
                             double* sums,  // (2, rows)
                             const T* grad, const double* scale, Dim rows, Dim cols,
                             Flag by_column,  // the mean of col_var, not of row_var, divides
                             const AdafactorHyper& hyper, const Team& team);

// The same with v itself: v += f (g^2 - v).
template <typename T>
void adafactor_vector_update(T* value,      // (count)
                             T* variance,   // (count)
                             double* sums,  // (2, sum_chunks(count))
                             const T* grad, const double* scale, Dim count, const AdafactorHyper& hyper,
                             const Team& team);

}  // namespace
}  // namespace lamella
