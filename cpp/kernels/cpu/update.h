#pragma once

#include "kernels/cpu/simd.h"
#include "kernels/update.h"

// What updates share: passes over elements by vectors, and what comes before every update.

namespace lamella {
namespace {

constexpr Index kUpdateGrain = 1024;

// Whole vectors, or the rest at the end. only() clears the lanes beyond that rest, which sums must not see.
template <typename T>
struct WholeAccess {
  Index at;
  Vector<T> get(const T* from) const { return load(from + at); }
  void put(T* to, Vector<T> v) const { store(to + at, v); }
  Vector<T> only(Vector<T> v) const { return v; }
};

template <typename T>
struct PartAccess {
  Index at, count;
  Vector<T> get(const T* from) const { return load_part(from + at, count); }
  void put(T* to, Vector<T> v) const { store_part(to + at, v, count); }
  Vector<T> only(Vector<T> v) const {
    T lanes[kLanes<T>] = {};
    store_part(lanes, v, count);
    return load(lanes);
  }
};

// Calls f(access) over [begin, end).
template <typename T, typename F>
LAMELLA_INLINE void for_range(Index begin, Index end, const F& f) {
  Index i = begin;
  for (; i + kLanes<T> <= end; i += kLanes<T>) f(WholeAccess<T>{i});
  if (i < end) f(PartAccess<T>{i, end - i});
}

// Calls f(access) over this thread's elements.
template <typename T, typename F>
LAMELLA_INLINE void for_vectors(Dim count, const Team& team, const F& f) {
  const Span span = share(team, count.value, kUpdateGrain);
  for_range<T>(span.begin, span.end, f);
}

template <typename T>
LAMELLA_INLINE Vector<T> sign_of(Vector<T> v) {
  const Vector<T> one = splat(T(1));
  return v > 0 ? one : (v < 0 ? -one : Vector<T>{});
}

template <typename T>
LAMELLA_INLINE Vector<T> magnitude(Vector<T> v) {
  return v < 0 ? -v : v;
}

// The part of an update that UpdateHyper describes.
template <typename T>
struct Preamble {
  T factor, clip, decay, l1, keep;
  bool plain;  // nothing but weight decay, as most often

  Preamble(const UpdateHyper& hyper, const double* scale)
      : factor(static_cast<T>(scale ? hyper.sign * *scale : hyper.sign)),
        clip(static_cast<T>(hyper.clip_value)),
        decay(static_cast<T>(hyper.weight_decay)),
        l1(static_cast<T>(hyper.l1)),
        keep(static_cast<T>(1 - hyper.lr * hyper.shrink)),
        plain(!scale && hyper.sign == 1 && hyper.clip_value == __builtin_inf() && hyper.l1 == 0 && hyper.shrink == 0) {}

  Vector<T> gradient(Vector<T> g, Vector<T> x) const {
    const Vector<T> cut = clamp(g * factor, splat(-clip), splat(clip));
    return (cut + decay * x) + (x > 0 ? splat(l1) : (x < 0 ? splat(-l1) : Vector<T>{}));
  }
  Vector<T> value(Vector<T> x) const { return rounded<T>(x * keep); }
};

// value = update(access, value, gradient), elementwise. An update computes all before it puts anything: a part is put
// in pieces, by branches, and compilers do not fuse a product and a sum across those.
template <typename T, typename F>
LAMELLA_INLINE void update_elements(T* value, const T* grad, const double* scale, Dim count, const UpdateHyper& hyper,
                                    const Team& team, const F& update) {
  const Preamble<T> before(hyper, scale);
  if (before.plain) {
    for_vectors<T>(count, team, [&](auto at) {
      const Vector<T> x = at.get(value);
      at.put(value, update(at, x, at.get(grad) + before.decay * x));
    });
  } else {
    for_vectors<T>(count, team, [&](auto at) {
      const Vector<T> x = at.get(value);
      at.put(value, update(at, before.value(x), before.gradient(at.get(grad), x)));
    });
  }
}

// keep a + (1 - keep) b by one rounded product, an average's step.
template <typename T>
LAMELLA_INLINE Vector<T> blend(T keep, Vector<T> a, T fresh, Vector<T> b) {
  return rounded<T>(keep * a) + fresh * b;
}

}  // namespace
}  // namespace lamella

// The update of a vector, forced into its loop: (access, value, gradient) -> value.
#define LAMELLA_UPDATE [&](auto at, Vector<T> x, Vector<T> g) __attribute__((always_inline))->Vector<T>
