#include "kernels/layernorm.h"

#include "kernels/binder.h"
#include "kernels/cpu/row.h"
#include "kernels/cpu/strip.h"

// Rows are shared among threads where results are rows, columns where they are sums over the batch.

namespace lamella {
namespace {

template <typename T>
constexpr double kMachineEpsilon = sizeof(T) == 4 ? 0x1p-23 : 0x1p-52;

// gamma or beta at a place of the row.
template <typename T, typename Place>
LAMELLA_INLINE Vector<T> get_or(const Place& place, const T* from, T otherwise) {
  return from ? place.get(from) : splat(otherwise);
}

template <typename T>
void layernorm_forward(T* y, T* mean, T* inverse_std, const T* x, const T* gamma, const T* beta, Rows n, Dim width,
                       const LayerNormHyper& hyper, const Epilogue<T>& epilogue, const Team& team) {
  const Index w = width.value;
  const T count = static_cast<T>(w), eps = static_cast<T>(hyper.eps < 0 ? kMachineEpsilon<T> : hyper.eps);
  const Span rows = share(team, n.value, kRowGrain);
  for (Index first = rows.begin; first < rows.end; first += kRowGrain) {  // so many rows stay in cache
    const Index block = rows.end - first < kRowGrain ? rows.end - first : kRowGrain;
    for (Index i = first; i < first + block; ++i) {
      const T* const in = x + i * w;
      T* const out = y + i * w;
      T centre = 0;
      if (mean) {
        centre = sum_places<T>(w, [&](const auto& place) { return place.get(in); }) / count;
        mean[i] = centre;
      }
      const Vector<T> m = splat(centre);
      const T squares = sum_places<T>(w, [&](const auto& place) {
        const Vector<T> centred = place.get(in) - m;
        return centred * centred;
      });
      const Vector<T> inverse = 1 / square_root(splat(squares / count + eps));
      inverse_std[i] = inverse[0];
      for_places<T>(w, [&](const auto& place) {
        const Vector<T> xhat = (place.get(in) - m) * inverse;
        place.put(out, xhat * get_or(place, gamma, T(1)) + get_or(place, beta, T(0)));
      });
    }
    apply(epilogue, y, first * w, block, w, w);
  }
}

template <typename T>
LAMELLA_INLINE void input_gradient(T* dx, const T* dy, const T* x, const T* mean, const T* inverse_std, const T* gamma,
                                   Rows n, Index w, const Team& team) {
  const T count = static_cast<T>(w);
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    const T *const up = dy + i * w, *const in = x + i * w;
    const Vector<T> m = splat(mean ? mean[i] : T(0)), inverse = splat(inverse_std[i]);
    const auto scaled = [&](const auto& place) { return rounded<T>(place.get(up) * get_or(place, gamma, T(1))); };
    const auto xhat = [&](const auto& place) { return (place.get(in) - m) * inverse; };
    const Vector<T> along =
        splat(sum_places<T>(w, [&](const auto& place) { return scaled(place) * xhat(place); }) / count);
    const Vector<T> level = splat(mean ? sum_places<T>(w, scaled) / count : T(0));
    for_places<T>(
        w, [&](const auto& place) { place.put(dx + i * w, inverse * (scaled(place) - level - xhat(place) * along)); });
  }
}

template <typename T>
void layernorm_backward(T* dx, T* dgamma, T* dbeta, const T* dy, const T* x, const T* mean, const T* inverse_std,
                        const T* gamma, Rows n, Dim width, Flag accumulate, const Team& team) {
  const Index w = width.value;
  if (dx) input_gradient(dx, dy, x, mean, inverse_std, gamma, n, w, team);
  if (!dgamma && !dbeta) return;
  for_strips<T>(width, team, [&](Index j, Index cols) {
    Strip<T> sum_dy = {}, sum_dy_xhat = {};
    for (Index i = 0; i < n.value; ++i) {
      const Strip<T> up = load_strip(dy + i * w + j, cols), in = load_strip(x + i * w + j, cols);
      const Vector<T> m = splat(mean ? mean[i] : T(0)), inverse = splat(inverse_std[i]);
      for (int s = 0; s < kStrip; ++s) {
        sum_dy.v[s] += up.v[s];
        sum_dy_xhat.v[s] += up.v[s] * ((in.v[s] - m) * inverse);
      }
    }
    put_sums(dbeta, sum_dy, j, cols, accumulate.value);
    put_sums(dgamma, sum_dy_xhat, j, cols, accumulate.value);
  });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(layernorm, LAMELLA_KERNEL(layernorm_forward), LAMELLA_KERNEL(layernorm_backward))
