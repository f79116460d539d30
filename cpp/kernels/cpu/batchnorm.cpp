#include "kernels/batchnorm.h"

#include "kernels/binder.h"
#include "kernels/cpu/affine.h"
#include "kernels/cpu/strip.h"

namespace lamella {
namespace {

// y = gamma (x - m) inv + beta and the epilogue, on a strip.
template <typename T>
LAMELLA_INLINE void normalise(T* y, const T* x, const Strip<T>& m, const Strip<T>& inv, const T* gamma, const T* beta,
                              Index n, Index width, Index j, Index cols, const Epilogue<T>& epilogue) {
  Strip<T> scale = load_or(gamma, j, cols, T(1));
  for (int s = 0; s < kStrip; ++s) scale.v[s] *= inv.v[s];
  affine(y, x, m, scale, load_or(beta, j, cols, T(0)), {0, n}, width, j, cols, epilogue);
}

template <typename T>
void batchnorm_forward(T* y, T* mean, T* inverse_std, T* running_mean, T* running_var, const T* x, const T* gamma,
                       const T* beta, Rows n, Dim width, const BatchNormHyper& hyper, const Epilogue<T>& epilogue,
                       const Team& team) {
  const T count = static_cast<T>(n.value);
  const T momentum = static_cast<T>(hyper.momentum < 0 ? 1 / hyper.batches : hyper.momentum);
  const T unbiased = count / (count - 1);
  for_strips<T>(width, team, [&](Index j, Index cols) {
    Strip<T> m = {}, var = {}, inv;
    for (Index i = 0; i < n.value; ++i) {
      const Strip<T> row = load_strip(x + i * width.value + j, cols);
      for (int s = 0; s < kStrip; ++s) m.v[s] += row.v[s];
    }
    for (int s = 0; s < kStrip; ++s) m.v[s] /= count;
    for (Index i = 0; i < n.value; ++i) {
      const Strip<T> row = load_strip(x + i * width.value + j, cols);
      for (int s = 0; s < kStrip; ++s) {
        const Vector<T> centred = row.v[s] - m.v[s];
        var.v[s] += centred * centred;
      }
    }
    Strip<T> old_mean = load_strip(running_mean + j, cols), old_var = load_strip(running_var + j, cols);
    for (int s = 0; s < kStrip; ++s) {
      var.v[s] /= count;
      inv.v[s] = 1 / square_root(var.v[s] + static_cast<T>(hyper.eps));
      old_mean.v[s] = rounded<T>((1 - momentum) * old_mean.v[s]) + momentum * m.v[s];
      old_var.v[s] = rounded<T>((1 - momentum) * old_var.v[s]) + momentum * (var.v[s] * unbiased);
    }
    store_strip(running_mean + j, old_mean, cols);
    store_strip(running_var + j, old_var, cols);
    store_strip(mean + j, m, cols);
    store_strip(inverse_std + j, inv, cols);
    normalise(y, x, m, inv, gamma, beta, n.value, width.value, j, cols, epilogue);
  });
}

// Sums of dy and dy xhat down the rows of a strip, into dbeta and dgamma.
template <typename T>
LAMELLA_INLINE void parameter_sums(Strip<T>& sum_dy, Strip<T>& sum_dy_xhat, T* dgamma, T* dbeta, const T* dy,
                                   const T* x, const Strip<T>& m, const Strip<T>& inv, Index n, Index width, Index j,
                                   Index cols, bool accumulate) {
  sum_dy = sum_dy_xhat = {};
  for (Index i = 0; i < n; ++i) {
    const Strip<T> up = load_strip(dy + i * width + j, cols), in = load_strip(x + i * width + j, cols);
    for (int s = 0; s < kStrip; ++s) {
      sum_dy.v[s] += up.v[s];
      sum_dy_xhat.v[s] += up.v[s] * ((in.v[s] - m.v[s]) * inv.v[s]);
    }
  }
  put_sums(dbeta, sum_dy, j, cols, accumulate);
  put_sums(dgamma, sum_dy_xhat, j, cols, accumulate);
}

template <typename T>
void batchnorm_backward(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inverse_std,
                        const T* gamma, Rows n, Dim width, Flag accumulate, const Team& team) {
  const T count = static_cast<T>(n.value);
  for_strips<T>(width, team, [&](Index j, Index cols) {
    const Strip<T> m = load_strip(mean + j, cols), inv = load_strip(inverse_std + j, cols);
    Strip<T> sum_dy, sum_dy_xhat;
    parameter_sums(sum_dy, sum_dy_xhat, dgamma, dbeta, dy, x, m, inv, n.value, width.value, j, cols, accumulate.value);
    if (!dx) return;
    Strip<T> scale = load_or(gamma, j, cols, T(1));
    for (int s = 0; s < kStrip; ++s) {
      scale.v[s] *= inv.v[s];
      sum_dy.v[s] /= count;
      sum_dy_xhat.v[s] /= count;
    }
    for (Index i = 0; i < n.value; ++i) {
      Strip<T> up = load_strip(dy + i * width.value + j, cols);
      const Strip<T> in = load_strip(x + i * width.value + j, cols);
      for (int s = 0; s < kStrip; ++s) {
        const Vector<T> xhat = (in.v[s] - m.v[s]) * inv.v[s];
        up.v[s] = scale.v[s] * (up.v[s] - sum_dy.v[s] - xhat * sum_dy_xhat.v[s]);
      }
      store_strip(dx + i * width.value + j, up, cols);
    }
  });
}

template <typename T>
LAMELLA_INLINE Strip<T> frozen_inverse_std(const T* running_var, Index j, Index cols, double eps) {
  Strip<T> inv = load_strip(running_var + j, cols);
  for (int s = 0; s < kStrip; ++s) inv.v[s] = 1 / square_root(inv.v[s] + static_cast<T>(eps));
  return inv;
}

template <typename T>
void batchnorm_frozen_forward(T* y, const T* x, const T* running_mean, const T* running_var, const T* gamma,
                              const T* beta, Rows n, Dim width, const BatchNormHyper& hyper,
                              const Epilogue<T>& epilogue, const Team& team) {
  for_strips<T>(width, team, [&](Index j, Index cols) {
    const Strip<T> m = load_strip(running_mean + j, cols);
    const Strip<T> inv = frozen_inverse_std(running_var, j, cols, hyper.eps);
    normalise(y, x, m, inv, gamma, beta, n.value, width.value, j, cols, epilogue);
  });
}

template <typename T>
void batchnorm_frozen_backward(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* running_mean,
                               const T* running_var, const T* gamma, Rows n, Dim width, Flag accumulate,
                               const BatchNormHyper& hyper, const Team& team) {
  for_strips<T>(width, team, [&](Index j, Index cols) {
    const Strip<T> m = load_strip(running_mean + j, cols);
    const Strip<T> inv = frozen_inverse_std(running_var, j, cols, hyper.eps);
    Strip<T> sum_dy, sum_dy_xhat;
    parameter_sums(sum_dy, sum_dy_xhat, dgamma, dbeta, dy, x, m, inv, n.value, width.value, j, cols, accumulate.value);
    if (!dx) return;
    Strip<T> scale = load_or(gamma, j, cols, T(1));
    for (int s = 0; s < kStrip; ++s) scale.v[s] *= inv.v[s];
    affine_gradient(dx, dy, scale, {0, n.value}, width.value, j, cols);
  });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(batchnorm, LAMELLA_KERNEL(batchnorm_forward), LAMELLA_KERNEL(batchnorm_backward),
               LAMELLA_KERNEL(batchnorm_frozen_forward), LAMELLA_KERNEL(batchnorm_frozen_backward))
