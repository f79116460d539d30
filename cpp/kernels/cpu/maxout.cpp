#include "kernels/maxout.h"

#include "kernels/binder.h"
#include "kernels/cpu/row.h"

namespace lamella {
namespace {

template <typename T>
struct Winner {
  Vector<T> value;
  IntegerVector<T> piece;
};

template <typename T, typename Place>
LAMELLA_INLINE Winner<T> find_winner(const Place& place, const T* z, Index out, Index pieces) {
  Winner<T> best{place.get(z), {}};
  for (Index p = 1; p < pieces; ++p) {
    const Vector<T> v = place.get(z + p * out);
    const IntegerVector<T> better = ((v > best.value) | (v != v)) & (best.value == best.value);
    best.value = better ? v : best.value;
    best.piece = better ? IntegerVector<T>{} + static_cast<typename Simd<T>::IntegerElement>(p) : best.piece;
  }
  return best;
}

template <typename T>
void maxout_forward(T* y, const T* z, Rows n, Dim out, Number pieces, const Team& team) {
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    for_places<T>(out.value, [&](const auto& place) {
      const T* const row = z + i * pieces.value * out.value;
      place.put(y + i * out.value, find_winner(place, row, out.value, pieces.value).value);
    });
  }
}

template <typename T>
void maxout_backward(T* dz, const T* dy, const T* z, Rows n, Dim out, Number pieces, const Team& team) {
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    for_places<T>(out.value, [&](const auto& place) {
      const Index row = i * pieces.value * out.value;
      const IntegerVector<T> winner = find_winner(place, z + row, out.value, pieces.value).piece;
      const Vector<T> up = place.get(dy + i * out.value);
      for (Index p = 0; p < pieces.value; ++p) {
        const IntegerVector<T> won = winner == static_cast<typename Simd<T>::IntegerElement>(p);
        place.put(dz + row + p * out.value, won ? up : Vector<T>{});
      }
    });
  }
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(maxout, LAMELLA_KERNEL(maxout_forward), LAMELLA_KERNEL(maxout_backward))
