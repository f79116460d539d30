#include "kernels/prelu.h"

#include "kernels/binder.h"
#include "kernels/cpu/row.h"
#include "kernels/cpu/strip.h"

namespace lamella {
namespace {

template <typename T>
void prelu_forward(T* y, const T* x, const T* w, Rows n, Dim width, Flag shared, const Team& team) {
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    for_places<T>(width.value, [&](const auto& place) {
      const Vector<T> v = place.get(x + i * width.value), slope = shared.value ? splat(*w) : place.get(w);
      place.put(y + i * width.value, v > 0 ? v : v * slope);
    });
  }
}

template <typename T>
void prelu_backward(T* dx, T* dw, T* partial, const T* dy, const T* x, const T* w, Rows n, Dim width, Flag shared,
                    Flag accumulate, const Team& team) {
  T* const sums = shared.value ? partial : dw;
  for_strips<T>(width, team, [&](Index j, Index cols) {
    const Strip<T> slope = shared.value ? fill_strip(*w) : load_strip(w + j, cols);
    Strip<T> total = {};
    for (Index i = 0; i < n.value; ++i) {
      Strip<T> up = load_strip(dy + i * width.value + j, cols);
      const Strip<T> in = load_strip(x + i * width.value + j, cols);
      for (int s = 0; s < kStrip; ++s) {
        total.v[s] += in.v[s] > 0 ? Vector<T>{} : in.v[s] * up.v[s];
        up.v[s] = in.v[s] > 0 ? up.v[s] : up.v[s] * slope.v[s];
      }
      if (dx) store_strip(dx + i * width.value + j, up, cols);
    }
    put_sums(sums, total, j, cols, accumulate.value && !shared.value);
  });
  if (!shared.value) return;
  wait(team);
  if (team.rank != 0) return;
  const T total = sum_places<T>(width.value, [&](const auto& place) { return place.get(partial); });
  *dw = accumulate.value ? *dw + total : total;
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(prelu, LAMELLA_KERNEL(prelu_forward), LAMELLA_KERNEL(prelu_backward))
