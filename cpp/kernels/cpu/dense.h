#pragma once

#include "kernels/cpu/product.h"
#include "kernels/linear.h"

// The products of a dense layer in any arithmetic.

namespace lamella {
namespace {

// y = x w + b
template <typename Arithmetic, typename T>
void dense_forward(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                   const Team& team) {
  ProductTail<T> tail;
  tail.bias = b;
  tail.epilogue = epilogue;
  multiply_by<Arithmetic>(y, Matrix<T>{x, in.value, 1}, Matrix<T>{w, out.value, 1}, n.value, out.value, in.value, tail,
                          team);
}

// y = x w^T + b
template <typename Arithmetic, typename T>
void dense_transposed(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                      const Team& team) {
  ProductTail<T> tail;
  tail.bias = b;
  tail.epilogue = epilogue;
  multiply_by<Arithmetic>(y, Matrix<T>{x, out.value, 1}, Matrix<T>{w, 1, out.value}, n.value, in.value, out.value, tail,
                          team);
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

// dw = x^T dy, db = column sums of dy
template <typename Arithmetic, typename T>
void dense_weight_gradient(T* dw, T* db, const T* dy, const T* x, Rows n, Dim in, Dim out, Flag accumulate,
                           const Team& team) {
  ProductTail<T> tail;
  tail.accumulate = accumulate.value;
  multiply_by<Arithmetic>(dw, Matrix<T>{x, 1, in.value}, Matrix<T>{dy, out.value, 1}, in.value, out.value, n.value,
                          tail, team);
  if (db) column_sums(db, dy, n, out, accumulate, team);
}

}  // namespace
}  // namespace lamella
