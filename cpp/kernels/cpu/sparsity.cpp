#include "kernels/sparsity.h"

#include "kernels/binder.h"
#include "kernels/cpu/math.h"

namespace lamella {
namespace {

constexpr Index kRowGrain = 8;

// A vector of columns, of which the last one may use some lanes alone.
template <typename T>
struct Column {
  Index left;
  Vector<T> get(const T* from) const { return left >= kLanes<T> ? load(from) : load_part(from, left); }
  void put(T* to, Vector<T> v) const {
    if (left >= kLanes<T>) {
      store(to, v);
    } else {
      store_part(to, v, left);
    }
  }
};

template <typename T>
LAMELLA_INLINE Vector<T> magnitude(Vector<T> x) {
  return x < 0 ? -x : x;
}

template <typename T>
void sparsity_forward(SparsityResult* result, T* slope, T* partial, const T* x, Rows n, Dim width,
                      const SparsityHyper& hyper, const Team& team) {
  const T count = static_cast<T>(n.value), l1 = static_cast<T>(hyper.l1), kl = static_cast<T>(hyper.kl);
  const T target = static_cast<T>(hyper.target), least = static_cast<T>(kMeanRoom);
  const Span cols = share(team, width.value, kLanes<T>);
  for (Index j = cols.begin; j < cols.end; j += kLanes<T>) {
    const Column<T> column{cols.end - j};
    Vector<T> sum = {}, size = {};
    for (Index i = 0; i < n.value; ++i) {
      const Vector<T> v = column.get(x + i * width.value + j);
      sum += v;
      size += magnitude<T>(v);
    }
    const Vector<T> mean = clamp(sum / count, splat(least), splat(1 - least));
    const Vector<T> divergence =
        rounded<T>(target * log_positive<T>(target / mean)) + (1 - target) * log_positive<T>((1 - target) / (1 - mean));
    column.put(slope + j, kl / count * ((1 - target) / (1 - mean) - target / mean));
    column.put(partial + j, rounded<T>(size / count * l1) + divergence * kl);
  }
  wait(team);
  if (team.rank != 0) return;
  double total = 0;
  for (Index j = 0; j < width.value; ++j) total += static_cast<double>(partial[j]);
  result->value = total;
  result->total += total;
}

template <typename T>
void sparsity_backward(T* dx, const T* dy, const T* x, const T* slope, Rows n, Dim width, const SparsityHyper& hyper,
                       const Team& team) {
  const Vector<T> push = splat(static_cast<T>(hyper.l1 / static_cast<double>(n.value)));
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    for (Index j = 0; j < width.value; j += kLanes<T>) {
      const Column<T> column{width.value - j};
      const Index at = i * width.value + j;
      const Vector<T> v = column.get(x + at);
      const Vector<T> sign = v > 0 ? push : (v < 0 ? -push : Vector<T>{});
      column.put(dx + at, column.get(dy + at) + (sign + column.get(slope + j)));
    }
  }
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(sparsity, LAMELLA_KERNEL(sparsity_forward), LAMELLA_KERNEL(sparsity_backward))
