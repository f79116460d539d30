#include "kernels/linear.h"

#include "kernels/cpu/product.h"

namespace lamella {
namespace {

template <typename T>
void linear_forward(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                    const Team& team) {
  ProductTail<T> tail;
  tail.bias = b;
  tail.epilogue = epilogue;
  multiply(y, Matrix<T>{x, in.value, 1}, Matrix<T>{w, out.value, 1}, n.value, out.value, in.value, tail, team);
}

template <typename T>
void tied_forward(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                  const Team& team) {
  ProductTail<T> tail;
  tail.bias = b;
  tail.epilogue = epilogue;
  multiply(y, Matrix<T>{x, out.value, 1}, Matrix<T>{w, 1, out.value}, n.value, in.value, out.value, tail, team);
}

template <typename T>
void linear_backward_input(T* dx, const T* dy, const T* w, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                           const Team& team) {
  tied_forward(dx, dy, w, static_cast<const T*>(nullptr), n, in, out, epilogue, team);
}

// Sums of some vectors of columns, down the rows one after the other; `last` elements of the last vector are used.
template <int vectors, typename T>
void sum_rows(T* sums, const T* in, Index rows, Index ld, Index last, bool accumulate) {
  constexpr int lanes = kLanes<T>;
  const bool whole = last == lanes;
  const auto get = [&](const T* from) { return whole ? load(from) : load_part(from, last); };
  Vector<T> total[vectors] = {};
  for (Index i = 0; i < rows; ++i, in += ld) {
#pragma GCC unroll 8
    for (int j = 0; j < vectors - 1; ++j) total[j] += load(in + j * lanes);
    total[vectors - 1] += get(in + (vectors - 1) * lanes);
  }
#pragma GCC unroll 8
  for (int j = 0; j < vectors; ++j) {
    const bool full = j < vectors - 1 || whole;
    T* const at = sums + j * lanes;
    if (accumulate) total[j] += full ? load(at) : load_part(at, last);
    if (full) {
      store(at, total[j]);
    } else {
      store_part(at, total[j], last);
    }
  }
}

template <typename T>
void column_sums(T* db, const T* dy, Rows n, Dim width, Flag accumulate, const Team& team) {
  const Span cols = share(team, width.value, kLanes<T>);
  constexpr int wide = 8;  // vectors: some cache lines of each row at once
  Index j = cols.begin;
  for (; j + wide * kLanes<T> <= cols.end; j += wide * kLanes<T>) {
    sum_rows<wide>(db + j, dy + j, n.value, width.value, kLanes<T>, accumulate.value);
  }
  for (; j < cols.end; j += kLanes<T>) {
    sum_rows<1>(db + j, dy + j, n.value, width.value, cols.end - j < kLanes<T> ? cols.end - j : kLanes<T>,
                accumulate.value);
  }
}

template <typename T>
void linear_backward_weight(T* dw, T* db, const T* dy, const T* x, Rows n, Dim in, Dim out, Flag accumulate,
                            const Team& team) {
  ProductTail<T> tail;
  tail.accumulate = accumulate.value;
  multiply(dw, Matrix<T>{x, 1, in.value}, Matrix<T>{dy, out.value, 1}, in.value, out.value, n.value, tail, team);
  if (db) column_sums(db, dy, n, out, accumulate, team);
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(linear, LAMELLA_KERNEL(linear_forward), LAMELLA_KERNEL(tied_forward),
               LAMELLA_KERNEL(linear_backward_input), LAMELLA_KERNEL(linear_backward_weight),
               LAMELLA_KERNEL(column_sums))
