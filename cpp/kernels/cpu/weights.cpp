#include "kernels/weights.h"

#include "kernels/binder.h"
#include "kernels/cpu/sums.h"

namespace lamella {
namespace {

// What a length whose square is given has to be multiplied by.
template <typename T>
LAMELLA_INLINE Vector<T> limiting(Vector<T> square, T most) {
  const Vector<T> length = square_root(square);
  return length > most ? most / length : splat(T(1));
}

template <typename T>
void limit_columns(T* out, const T* value, Index rows, Index cols, T most, const Team& team) {
  const Span mine = share(team, cols, 16);  // a cache line, so that threads do not write to the same one
  for_range<T>(mine.begin, mine.end, [&](auto at) {
    Vector<T> square = {};
    for (Index i = 0; i < rows; ++i) {
      const Vector<T> w = at.get(value + i * cols);
      square += w * w;
    }
    const Vector<T> factor = limiting<T>(square, most);
    for (Index i = 0; i < rows; ++i) at.put(out + i * cols, at.get(value + i * cols) * factor);
  });
}

template <typename T>
void limit_rows(T* out, const T* value, Index rows, Index cols, T most, const Team& team) {
  const Span mine = share(team, rows, 1);
  for (Index i = mine.begin; i < mine.end; ++i) {
    Vector<T> squares = {};
    for_range<T>(i * cols, (i + 1) * cols, [&](auto at) {
      const Vector<T> w = at.get(value);
      squares += w * w;
    });
    const Vector<T> factor = limiting<T>(splat(sum<T>(squares)), most);
    for_range<T>(i * cols, (i + 1) * cols, [&](auto at) { at.put(out, at.get(value) * factor); });
  }
}

template <typename T>
void weight_limit(T* out, const T* value, Dim rows, Dim cols, Flag by_column, const LimitHyper& hyper,
                  const Team& team) {
  const T most = static_cast<T>(hyper.max_norm);
  (by_column.value ? limit_columns<T> : limit_rows<T>)(out, value, rows.value, cols.value, most, team);
}

template <typename T>
void weight_penalty(double* sums, const T* value, Dim count, const PenaltyHyper& hyper, const Team& team) {
  const double half = hyper.weight_decay / 2, l1 = hyper.l1;
  sum_by_chunks<T>(sums, count, team, [&](auto at, Vector<double> total) {
    return add_wide(total, at.get(value),
                    [&](Vector<double> w) { return rounded<double>(half * (w * w)) + l1 * magnitude<double>(w); });
  });
}

template <typename T>
void penalty_total(double* total, const double* sums, Dim chunks, Flag adds, const Team& team) {
  if (team.rank == 0) *total = (adds.value ? *total : 0) + in_order(sums, chunks.value);
}

// a + share (b - a), exact at both ends.
template <typename T>
LAMELLA_INLINE Vector<T> between(Vector<T> a, Vector<T> b, T share) {
  return share < T(0.5) ? a + share * (b - a) : b - (1 - share) * (b - a);
}

template <typename T>
void weight_average(T* average, const T* value, Dim count, const AverageHyper& hyper, const Team& team) {
  const double fresh = hyper.updates <= 1 ? 1 : hyper.decay < 0 ? 1 / hyper.updates : 1 - hyper.decay;
  const T share = static_cast<T>(fresh);
  for_vectors<T>(count, team, [&](auto at) {
    const Vector<T> now = at.get(value);
    at.put(average, fresh == 1 ? now : between<T>(at.get(average), now, share));  // the first: whatever was there
  });
}

template <typename T>
void weight_blend(T* value, const T* other, Dim count, const BlendHyper& hyper, const Team& team) {
  const T share = static_cast<T>(hyper.share);
  for_vectors<T>(count, team, [&](auto at) { at.put(value, between<T>(at.get(value), at.get(other), share)); });
}

template <typename T>
void weight_exchange(T* a, T* b, Dim count, const Team& team) {
  for_vectors<T>(count, team, [&](auto at) {
    const Vector<T> kept = at.get(a);
    at.put(a, at.get(b));
    at.put(b, kept);
  });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(weights, LAMELLA_KERNEL(weight_limit), LAMELLA_KERNEL(weight_penalty), LAMELLA_KERNEL(penalty_total),
               LAMELLA_KERNEL(weight_average), LAMELLA_KERNEL(weight_blend), LAMELLA_KERNEL(weight_exchange))
