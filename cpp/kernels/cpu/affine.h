#pragma once

#include "kernels/binder.h"
#include "kernels/cpu/strip.h"

// What is the same for all rows and another for each column, on a strip of columns.

namespace lamella {
namespace {

// y = (x - from) factor + to and the epilogue, some rows at a time, which stay in L1 between the two.
template <typename T>
LAMELLA_INLINE void affine(T* y, const T* x, const Strip<T>& from, const Strip<T>& factor, const Strip<T>& to,
                           Span rows, Index width, Index j, Index cols, const Epilogue<T>& epilogue) {
  constexpr Index block = 8;
  for (Index i0 = rows.begin; i0 < rows.end; i0 += block) {
    const Index some = rows.end - i0 < block ? rows.end - i0 : block;
    for (Index i = i0; i < i0 + some; ++i) {
      Strip<T> row = load_strip(x + i * width + j, cols);
      for (int s = 0; s < kStrip; ++s) row.v[s] = (row.v[s] - from.v[s]) * factor.v[s] + to.v[s];
      store_strip(y + i * width + j, row, cols);
    }
    apply(epilogue, y, i0 * width + j, some, cols, width);
  }
}

// Its gradient: dx = dy factor. dx may be dy.
template <typename T>
LAMELLA_INLINE void affine_gradient(T* dx, const T* dy, const Strip<T>& factor, Span rows, Index width, Index j,
                                    Index cols) {
  for (Index i = rows.begin; i < rows.end; ++i) {
    Strip<T> up = load_strip(dy + i * width + j, cols);
    for (int s = 0; s < kStrip; ++s) up.v[s] *= factor.v[s];
    store_strip(dx + i * width + j, up, cols);
  }
}

}  // namespace
}  // namespace lamella
