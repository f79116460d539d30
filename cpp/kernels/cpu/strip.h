#pragma once

#include "kernels/cpu/simd.h"
#include "kernels/kernel.h"

// For sums over the batch: a thread owns columns and walks all rows of them, so the sums have one order whatever the
// team. Columns go in strips of a few vectors, which keeps a strip in cache between the passes over it.

namespace lamella {
namespace {

constexpr int kStrip = 8;  // vectors

// Calls body(first column, columns) for each vector-wide strip of this thread's columns.
template <typename T, typename F>
LAMELLA_INLINE void for_strips(Dim width, const Team& team, const F& body) {
  const Span cols = share(team, width.value, kLanes<T>);
  for (Index j = cols.begin; j < cols.end; j += kStrip * kLanes<T>) {
    const Index left = cols.end - j;
    body(j, left < kStrip * kLanes<T> ? left : kStrip * kLanes<T>);
  }
}

template <typename T>
struct Strip {
  Vector<T> v[kStrip];
};

template <typename T>
LAMELLA_INLINE Strip<T> load_strip(const T* from, Index cols) {
  Strip<T> s;
  for (int i = 0; i < kStrip; ++i) {
    const Index left = cols - i * kLanes<T>;
    s.v[i] = left >= kLanes<T> ? load(from + i * kLanes<T>)
                               : (left > 0 ? load_part(from + i * kLanes<T>, left) : Vector<T>{});
  }
  return s;
}

template <typename T>
LAMELLA_INLINE void store_strip(T* to, const Strip<T>& s, Index cols) {
  for (int i = 0; i < kStrip; ++i) {
    const Index left = cols - i * kLanes<T>;
    if (left >= kLanes<T>) {
      store(to + i * kLanes<T>, s.v[i]);
    } else if (left > 0) {
      store_part(to + i * kLanes<T>, s.v[i], left);
    }
  }
}

template <typename T>
LAMELLA_INLINE Strip<T> fill_strip(T value) {
  Strip<T> s;
  for (int i = 0; i < kStrip; ++i) s.v[i] = splat(value);
  return s;
}

template <typename T>
LAMELLA_INLINE Strip<T> load_or(const T* from, Index at, Index cols, T otherwise) {
  return from ? load_strip(from + at, cols) : fill_strip(otherwise);
}

// A gradient summed up for some columns, or nothing if `out` is null.
template <typename T>
LAMELLA_INLINE void put_sums(T* out, Strip<T> sums, Index j, Index cols, bool accumulate) {
  if (!out) return;
  if (accumulate) {
    const Strip<T> before = load_strip(out + j, cols);
    for (int s = 0; s < kStrip; ++s) sums.v[s] += before.v[s];
  }
  store_strip(out + j, sums, cols);
}

}  // namespace
}  // namespace lamella
