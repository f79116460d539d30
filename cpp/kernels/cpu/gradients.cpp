#include "kernels/gradients.h"

#include "kernels/binder.h"
#include "kernels/cpu/sums.h"

namespace lamella {
namespace {

template <typename T>
void gradient_squares(double* sums, const T* grad, Dim count, const Team& team) {
  sum_by_chunks<T>(sums, count, team, [&](auto at, Vector<double> total) { return add_squares(total, at.get(grad)); });
}

template <typename T>
void gradient_factor(GradientResult* result, const double* sums, const double* gradients, Dim chunks,
                     const GradientHyper& hyper, const Team& team) {
  if (team.rank != 0) return;
  const double mean = gradients ? 1 / *gradients : 1;
  double factor = mean;
  if (sums) {
    result->squares = in_order(sums, chunks.value);
    result->norm = __builtin_sqrt(result->squares + hyper.others) * mean;
    const double share = hyper.max_norm / (result->norm + 1e-6);
    factor = (share > 1 ? 1 : share) * mean;  // NaN if the norm is, as in PyTorch
  }
  result->factor = factor;
}

template <typename T>
void gradient_scale(T* out, const T* in, const double* factor, Dim count, const Team& team) {
  const T by = static_cast<T>(*factor);
  for_vectors<T>(count, team, [&](auto at) { at.put(out, at.get(in) * by); });
}

template <typename T>
void gradient_clamp(T* out, const T* in, Dim count, const ClampHyper& hyper, const Team& team) {
  const Vector<T> most = splat(static_cast<T>(hyper.most));
  for_vectors<T>(count, team, [&](auto at) { at.put(out, clamp(at.get(in), -most, most)); });
}

template <typename T>
void gradient_clear(T* grad, double* gradients, Dim count, const Team& team) {
  for_vectors<T>(count, team, [&](auto at) { at.put(grad, Vector<T>{}); });
  if (team.rank == 0) *gradients = 1;
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(gradients, LAMELLA_KERNEL(gradient_squares), LAMELLA_KERNEL(gradient_factor),
               LAMELLA_KERNEL(gradient_scale), LAMELLA_KERNEL(gradient_clamp), LAMELLA_KERNEL(gradient_clear))
