#include "kernels/columns.h"

#include "kernels/binder.h"
#include "kernels/cpu/simd.h"

namespace lamella {
namespace {

constexpr Index kRowGrain = 16;   // rows of a batch
constexpr Index kTableGrain = 4;  // rows of a table

template <typename T>
LAMELLA_INLINE void copy(T* to, const T* from, Index count) {
  map(to, from, count, [](Vector<T> v) { return v; });
}

template <typename T>
LAMELLA_INLINE void zero(T* to, Index count) {
  map(to, to, count, [](Vector<T>) { return Vector<T>{}; });
}

template <typename T>
void copy_columns(T* y, const T* x, Rows n, Dim width, Number y_ld, Number y_at, Number x_ld, Number x_at,
                  const Team& team) {
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    copy(y + i * y_ld.value + y_at.value, x + i * x_ld.value + x_at.value, width.value);
  }
}

template <typename T>
void zero_columns(T* y, Rows n, Dim width, Number y_ld, Number y_at, const Team& team) {
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) zero(y + i * y_ld.value + y_at.value, width.value);
}

template <typename T>
LAMELLA_INLINE Index row_of(T value, Index count) {
  if (!(value >= 0)) return 0;  // NaN, too
  return value < static_cast<T>(count) ? static_cast<Index>(value) : count - 1;
}

template <typename T>
void embedding_forward(T* y, const T* x, const T* table, Rows n, Dim width, Number count, Number y_ld, Number y_at,
                       Number x_ld, Number x_at, const Team& team) {
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    const Index row = row_of(x[i * x_ld.value + x_at.value], count.value);
    copy(y + i * y_ld.value + y_at.value, table + row * width.value, width.value);
  }
}

template <typename T>
void embedding_backward(T* dtable, const T* dy, const T* x, Rows n, Dim width, Number count, Number y_ld, Number y_at,
                        Number x_ld, Number x_at, Flag accumulate, const Team& team) {
  const Span own = share(team, count.value, kTableGrain);
  if (!accumulate.value) zero(dtable + own.begin * width.value, (own.end - own.begin) * width.value);
  for (Index i = 0; i < n.value; ++i) {
    const Index row = row_of(x[i * x_ld.value + x_at.value], count.value);
    if (row < own.begin || row >= own.end) continue;
    T* const sum = dtable + row * width.value;
    map(sum, sum, dy + i * y_ld.value + y_at.value, width.value, [](Vector<T> a, Vector<T> b) { return a + b; });
  }
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(columns, LAMELLA_KERNEL(copy_columns), LAMELLA_KERNEL(zero_columns), LAMELLA_KERNEL(embedding_forward),
               LAMELLA_KERNEL(embedding_backward))
