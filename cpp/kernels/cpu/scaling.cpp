#include "kernels/scaling.h"

#include "kernels/binder.h"
#include "kernels/cpu/affine.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/row.h"
#include "kernels/cpu/strip.h"

namespace lamella {
namespace {

// Calls body(rows, first column, columns) for each strip of this thread's rows, so many rows at a time that a strip's
// settings are read and inverted for several of them.
template <typename T, typename F>
LAMELLA_INLINE void for_blocks(Rows n, Dim width, const Team& team, const F& body) {
  constexpr Index block = 4 * kRowGrain, strip = kStrip * kLanes<T>;
  const Span own = share(team, n.value, kRowGrain);
  for (Index i = own.begin; i < own.end; i += block) {
    const Span rows{i, own.end - i < block ? own.end : i + block};
    for (Index j = 0; j < width.value; j += strip) {
      body(rows, j, width.value - j < strip ? width.value - j : strip);
    }
  }
}

template <typename T>
LAMELLA_INLINE Strip<T> inverse_or_zero(const T* scale, Index j, Index cols) {
  Strip<T> s = load_or(scale, j, cols, T(1));
  for (int i = 0; i < kStrip; ++i) s.v[i] = s.v[i] != 0 ? 1 / s.v[i] : Vector<T>{};
  return s;
}

template <typename T>
void scale_columns_forward(T* y, const T* x, const T* center, const T* scale, Rows n, Dim width,
                           const ScalingHyper& hyper, const Epilogue<T>& epilogue, const Team& team) {
  for_blocks<T>(n, width, team, [&](Span rows, Index j, Index cols) {
    affine(y, x, load_strip(center + j, cols), inverse_or_zero(scale, j, cols),
           fill_strip(static_cast<T>(hyper.offset)), rows, width.value, j, cols, epilogue);
  });
}

template <typename T>
void scale_columns_backward(T* dx, const T* dy, const T* scale, Rows n, Dim width, const Team& team) {
  for_blocks<T>(n, width, team, [&](Span rows, Index j, Index cols) {
    affine_gradient(dx, dy, inverse_or_zero(scale, j, cols), rows, width.value, j, cols);
  });
}

template <typename T>
void unscale_columns_forward(T* y, const T* x, const T* center, const T* scale, Rows n, Dim width,
                             const ScalingHyper& hyper, const Epilogue<T>& epilogue, const Team& team) {
  for_blocks<T>(n, width, team, [&](Span rows, Index j, Index cols) {
    affine(y, x, fill_strip(static_cast<T>(hyper.offset)), load_strip(scale + j, cols), load_strip(center + j, cols),
           rows, width.value, j, cols, epilogue);
  });
}

template <typename T>
void unscale_columns_backward(T* dx, const T* dy, const T* scale, Rows n, Dim width, const Team& team) {
  for_blocks<T>(n, width, team, [&](Span rows, Index j, Index cols) {
    affine_gradient(dx, dy, load_strip(scale + j, cols), rows, width.value, j, cols);
  });
}

// Norms of a row: of x itself, and, made from the normalised row y, their derivative by each element.

template <typename T>
struct L1 {
  L1(const T*, Index) {}
  static LAMELLA_METHOD T norm(const T* x, Index width) {
    return sum_places<T>(width, [&](const auto& place) { return absolute<T>(place.get(x)); });
  }
  LAMELLA_METHOD Vector<T> slope(Vector<T> y) const {
    const Vector<T> zero = {}, one = splat(T(1));
    return y > 0 ? one : (y < 0 ? -one : zero);
  }
};

template <typename T>
struct L2 {
  L2(const T*, Index) {}
  static LAMELLA_METHOD T norm(const T* x, Index width) {
    const T squares = sum_places<T>(width, [&](const auto& place) {
      const Vector<T> v = place.get(x);
      return v * v;
    });
    return square_root(splat(squares))[0];
  }
  LAMELLA_METHOD Vector<T> slope(Vector<T> y) const { return y; }
};

template <typename T>
struct Max {
  T part;  // of each of the largest

  Max(const T* y, Index width)
      : part(1 / sum_places<T>(width, [&](const auto& place) {
               return absolute<T>(place.get(y)) == 1 ? splat(T(1)) : Vector<T>{};
             })) {}
  static LAMELLA_METHOD T norm(const T* x, Index width) {
    const auto larger = [](Vector<T> a, Vector<T> b) { return ((a > b) | (a != a)) ? a : b; };  // NaN is the largest
    Vector<T> most = {};
    for_places<T>(width,
                  [&](const auto& place) { most = larger(most, place.only(absolute<T>(place.get(x)), Vector<T>{})); });
    return fold<T, kLanes<T> / 2>(most, larger, typename MakeSequence<kLanes<T>>::Type{})[0];
  }
  LAMELLA_METHOD Vector<T> slope(Vector<T> y) const { return absolute<T>(y) == 1 ? y * part : Vector<T>{}; }
};

template <typename T, template <typename> typename Norm>
void normalize_forward(T* y, T* divisor, const T* x, Rows n, Dim width, const NormalizeHyper& hyper,
                       const Epilogue<T>& epilogue, const Team& team) {
  const Index w = width.value;
  const Span rows = share(team, n.value, kRowGrain);
  for (Index first = rows.begin; first < rows.end; first += kRowGrain) {  // so many rows stay in cache
    const Index block = rows.end - first < kRowGrain ? rows.end - first : kRowGrain;
    for (Index i = first; i < first + block; ++i) {
      const Vector<T> by = at_least(splat(Norm<T>::norm(x + i * w, w)), splat(static_cast<T>(hyper.eps)));
      divisor[i] = by[0];
      map(y + i * w, x + i * w, w, [&](Vector<T> v) { return v / by; });
    }
    apply(epilogue, y, first * w, block, w, w);
  }
}

template <typename T, template <typename> typename Norm>
void normalize_backward(T* dx, const T* dy, const T* y, const T* divisor, Rows n, Dim width,
                        const NormalizeHyper& hyper, const Team& team) {
  const Index w = width.value;
  const Span rows = share(team, n.value, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    const T *const up = dy + i * w, *const made = y + i * w;
    const Vector<T> by = splat(divisor[i]);
    if (!(divisor[i] > static_cast<T>(hyper.eps))) {
      map(dx + i * w, up, w, [&](Vector<T> d) { return d / by; });
      continue;
    }
    const Norm<T> norm(made, w);
    const Vector<T> along = splat(sum_places<T>(w, [&](const auto& place) { return place.get(up) * place.get(made); }));
    map(dx + i * w, up, made, w, [&](Vector<T> d, Vector<T> v) { return (d - norm.slope(v) * along) / by; });
  }
}

}  // namespace
}  // namespace lamella

#define LAMELLA_NORMALIZE(name, Type, function, Norm)                     \
  {"normalize_" name,                                                     \
   {&Bound<static_cast<Type<float>*>(&function<float, Norm>)>::launch,    \
    &Bound<static_cast<Type<double>*>(&function<double, Norm>)>::launch}, \
   {},                                                                    \
   Bound<static_cast<Type<float>*>(&function<float, Norm>)>::signature}
#define LAMELLA_NORM(name, Norm)                                                  \
  LAMELLA_NORMALIZE(#name "_forward", NormalizeForward, normalize_forward, Norm), \
      LAMELLA_NORMALIZE(#name "_backward", NormalizeBackward, normalize_backward, Norm)

LAMELLA_FAMILY(scaling, LAMELLA_KERNEL(scale_columns_forward), LAMELLA_KERNEL(scale_columns_backward),
               LAMELLA_KERNEL(unscale_columns_forward), LAMELLA_KERNEL(unscale_columns_backward), LAMELLA_NORM(l1, L1),
               LAMELLA_NORM(l2, L2), LAMELLA_NORM(max, Max))
