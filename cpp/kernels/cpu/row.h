#pragma once

#include "kernels/cpu/simd.h"

// For results that hang on a whole row: a thread owns rows, and walks each by vectors.

namespace lamella {
namespace {

constexpr Index kRowGrain = 8;  // rows a thread takes at least

template <typename T>
LAMELLA_INLINE IntegerVector<T> lane_numbers() {
  IntegerVector<T> lanes = {};
  for (int i = 0; i < kLanes<T>; ++i) lanes[i] = i;
  return lanes;
}

// Where a vector of a row is: a whole one, or the last, of so many columns. `only` fills the lanes beyond the row.
template <typename T>
struct WholePlace {
  Index at;
  LAMELLA_METHOD Vector<T> get(const T* row) const { return load(row + at); }
  LAMELLA_METHOD void put(T* row, Vector<T> v) const { store(row + at, v); }
  LAMELLA_METHOD Vector<T> only(Vector<T> v, Vector<T>) const { return v; }
};

template <typename T>
struct PartPlace {
  Index at, count;
  LAMELLA_METHOD Vector<T> get(const T* row) const { return load_part(row + at, count); }
  LAMELLA_METHOD void put(T* row, Vector<T> v) const { store_part(row + at, v, count); }
  LAMELLA_METHOD Vector<T> only(Vector<T> v, Vector<T> otherwise) const {
    return lane_numbers<T>() < static_cast<typename Simd<T>::IntegerElement>(count) ? v : otherwise;
  }
};

// f(place) for each vector of a row.
template <typename T, typename F>
LAMELLA_INLINE void for_places(Index width, const F& f) {
  Index j = 0;
  for (; j + kLanes<T> <= width; j += kLanes<T>) f(WholePlace<T>{j});
  if (j < width) f(PartPlace<T>{j, width - j});
}

// The sum over a row of f(place), vectors of terms: in two sums in turn, which hides half of an addition's latency.
template <typename T, typename F>
LAMELLA_INLINE T sum_places(Index width, const F& f) {
  constexpr Index lanes = kLanes<T>;
  Vector<T> even = {}, odd = {};
  Index j = 0;
  for (; j + 2 * lanes <= width; j += 2 * lanes) {
    even += f(WholePlace<T>{j});
    odd += f(WholePlace<T>{j + lanes});
  }
  if (j + lanes <= width) {
    even += f(WholePlace<T>{j});
    j += lanes;
  }
  if (j < width) {
    const PartPlace<T> last{j, width - j};
    odd += last.only(f(last), Vector<T>{});
  }
  return sum<T>(even + odd);
}

}  // namespace
}  // namespace lamella
