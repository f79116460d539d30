#include "kernels/softmax.h"

#include "kernels/binder.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/row.h"

namespace lamella {
namespace {

template <typename F>
LAMELLA_INLINE void for_rows(Rows n, const Team& team, const F& f) {
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) f(i);
}

// The largest of a row; NaN is passed over.
template <typename T>
LAMELLA_INLINE T row_peak(const T* x, Index width) {
  const Vector<T> lowest = splat(-MathConstants<T>::infinity);
  Vector<T> most = lowest;
  for_places<T>(width, [&](const auto& place) {
    const Vector<T> v = place.only(place.get(x), lowest);
    most = v > most ? v : most;
  });
  return largest<T>(most);
}

template <typename T>
void softmax_forward(T* y, const T* x, Rows n, Dim width, const Team& team) {
  for_rows(n, team, [&](Index i) {
    const T* const in = x + i * width.value;
    T* const out = y + i * width.value;
    const Vector<T> peak = splat(row_peak(in, width.value));
    const T total = sum_places<T>(width.value, [&](const auto& place) {
      const Vector<T> e = exp_below<T>(place.get(in) - peak);
      place.put(out, e);
      return e;
    });
    const Vector<T> factor = splat(1 / total);
    map(out, out, width.value, [&](Vector<T> e) { return e * factor; });
  });
}

template <typename T>
void softmax_backward(T* dx, const T* dy, const T* y, Rows n, Dim width, const Team& team) {
  for_rows(n, team, [&](Index i) {
    const T *const up = dy + i * width.value, *const made = y + i * width.value;
    const Vector<T> mean =
        splat(sum_places<T>(width.value, [&](const auto& place) { return place.get(up) * place.get(made); }));
    map(dx + i * width.value, up, made, width.value, [&](Vector<T> d, Vector<T> p) { return p * (d - mean); });
  });
}

template <typename T>
void log_softmax_forward(T* y, const T* x, Rows n, Dim width, const Team& team) {
  for_rows(n, team, [&](Index i) {
    const T* const in = x + i * width.value;
    const Vector<T> peak = splat(row_peak(in, width.value));
    const Vector<T> total =
        splat(sum_places<T>(width.value, [&](const auto& place) { return exp_below<T>(place.get(in) - peak); }));
    const Vector<T> log = total == total ? log_positive<T>(total) : total;  // log_positive is for numbers only
    map(y + i * width.value, in, width.value, [&](Vector<T> v) { return (v - peak) - log; });
  });
}

template <typename T>
void log_softmax_backward(T* dx, const T* dy, const T* y, Rows n, Dim width, const Team& team) {
  for_rows(n, team, [&](Index i) {
    const T* const up = dy + i * width.value;
    const Vector<T> total = splat(sum_places<T>(width.value, [&](const auto& place) { return place.get(up); }));
    map(dx + i * width.value, up, y + i * width.value, width.value,
        [&](Vector<T> d, Vector<T> v) { return d - exp<T>(v) * total; });
  });
}

template <typename T>
void hardmax_forward(T* y, const T* x, Rows n, Dim width, const Team& team) {
  using Integer = IntegerVector<T>;
  using Element = typename Simd<T>::IntegerElement;
  const Vector<T> lowest = splat(-MathConstants<T>::infinity);
  for_rows(n, team, [&](Index i) {
    const T* const in = x + i * width.value;
    T* const out = y + i * width.value;
    // The first largest of each lane, and where its vector begins; a lane of nothing but -inf keeps its first.
    Vector<T> best = lowest;
    Integer where = {};
    for_places<T>(width.value, [&](const auto& place) {
      const Vector<T> v = place.only(place.get(in), lowest);
      const Integer better = ((v > best) | (v != v)) & (best == best);
      best = better ? v : best;
      where = better ? Integer{} + static_cast<Element>(place.at) : where;
      place.put(out, Vector<T>{});
    });
    Index first = static_cast<Index>(where[0]);
    T most = best[0];
    for (Index lane = 1; lane < kLanes<T> && lane < width.value; ++lane) {
      const Index at = static_cast<Index>(where[lane]) + lane;
      const T v = best[lane];
      const bool same = v == most || (v != v && most != most);
      const bool larger = most == most && (v > most || v != v);
      if (larger || (same && at < first)) {
        most = v;
        first = at;
      }
    }
    out[first] = 1;
  });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(softmax, LAMELLA_KERNEL(softmax_forward), LAMELLA_KERNEL(softmax_backward),
               LAMELLA_KERNEL(log_softmax_forward), LAMELLA_KERNEL(log_softmax_backward),
               LAMELLA_KERNEL(hardmax_forward))
