#pragma once

#include "kernels/cpu/update.h"

// Sums over many elements, in double: fixed chunks, each by one thread, added up in order.

namespace lamella {
namespace {

typedef float NarrowVector __attribute__((vector_size(kVectorBytes / 2)));

// total plus f of all lanes of v, in double.
template <typename F>
LAMELLA_INLINE Vector<double> add_wide(Vector<double> total, Vector<double> v, const F& f) {
  return total + f(v);
}
template <typename F>
LAMELLA_INLINE Vector<double> add_wide(Vector<double> total, Vector<float> v, const F& f) {
  NarrowVector half[2];
  __builtin_memcpy(half, &v, sizeof v);
  total = total + f(__builtin_convertvector(half[0], Vector<double>));
  return total + f(__builtin_convertvector(half[1], Vector<double>));
}

template <typename V>
LAMELLA_INLINE Vector<double> add_squares(Vector<double> total, V v) {
  return add_wide(total, v, [](Vector<double> x) { return rounded<double>(x * x); });
}

// Calls body(chunk, begin, end) for this thread's chunks of [0, count).
template <typename F>
LAMELLA_INLINE void for_chunks(Dim count, const Team& team, const F& body) {
  const Span mine = share(team, sum_chunks(count.value), 1);
  for (Index chunk = mine.begin; chunk < mine.end; ++chunk) {
    const Index begin = chunk * kSumChunk, end = begin + kSumChunk;
    body(chunk, begin, end < count.value ? end : count.value);
  }
}

// sums[chunk] = the sum of term(access, total) over it.
template <typename T, typename F>
LAMELLA_INLINE void sum_by_chunks(double* sums, Dim count, const Team& team, const F& term) {
  for_chunks(count, team, [&](Index chunk, Index begin, Index end) {
    Vector<double> total = {};
    for_range<T>(begin, end, [&](auto at) { total = term(at, total); });
    sums[chunk] = sum<double>(total);
  });
}

LAMELLA_INLINE double in_order(const double* sums, Index count) {
  double total = 0;
  for (Index i = 0; i < count; ++i) total += sums[i];
  return total;
}

}  // namespace
}  // namespace lamella
