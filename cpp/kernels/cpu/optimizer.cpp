#include "kernels/optimizer.h"

#include "kernels/binder.h"
#include "kernels/cpu/simd.h"

namespace lamella {
namespace {

constexpr Index kGrain = 1024;

// Calls update(access) over this thread's elements; access.get/put touch whole vectors, or the rest at the end.
template <typename T>
struct WholeAccess {
  Index at;
  Vector<T> get(const T* from) const { return load(from + at); }
  void put(T* to, Vector<T> v) const { store(to + at, v); }
};

template <typename T>
struct PartAccess {
  Index at, count;
  Vector<T> get(const T* from) const { return load_part(from + at, count); }
  void put(T* to, Vector<T> v) const { store_part(to + at, v, count); }
};

template <typename T, typename F>
LAMELLA_INLINE void for_vectors(Dim count, const Team& team, const F& update) {
  const Span span = share(team, count.value, kGrain);
  Index i = span.begin;
  for (; i + kLanes<T> <= span.end; i += kLanes<T>) update(WholeAccess<T>{i});
  if (i < span.end) update(PartAccess<T>{i, span.end - i});
}

template <typename T>
void sgd_update(T* value, T* velocity, const T* grad, Dim count, const SgdHyper& hyper, const Team& team) {
  const T lr = static_cast<T>(hyper.lr), momentum = static_cast<T>(hyper.momentum);
  const T decay = static_cast<T>(hyper.weight_decay);
  const bool first = hyper.step <= 1, nesterov = hyper.nesterov != 0;
  const T keep = first ? T(0) : momentum, fresh = first ? T(1) : static_cast<T>(1 - hyper.dampening);
  for_vectors<T>(count, team, [&](auto at) {
    const Vector<T> x = at.get(value);
    Vector<T> g = at.get(grad) + decay * x;
    if (velocity) {
      const Vector<T> v = rounded<T>(keep * at.get(velocity)) + fresh * g;
      at.put(velocity, v);
      g = nesterov ? g + momentum * v : v;
    }
    at.put(value, x - lr * g);
  });
}

template <typename T>
void rmsprop_update(T* value, T* square, T* average, T* velocity, const T* grad, Dim count, const RmspropHyper& hyper,
                    const Team& team) {
  const T lr = static_cast<T>(hyper.lr), alpha = static_cast<T>(hyper.alpha), eps = static_cast<T>(hyper.eps);
  const T decay = static_cast<T>(hyper.weight_decay), momentum = static_cast<T>(hyper.momentum);
  const T fresh = static_cast<T>(1 - hyper.alpha);
  for_vectors<T>(count, team, [&](auto at) {
    const Vector<T> x = at.get(value);
    const Vector<T> g = at.get(grad) + decay * x;
    const Vector<T> s = rounded<T>(alpha * at.get(square)) + fresh * g * g;
    at.put(square, s);
    Vector<T> variance = s;
    if (average) {
      const Vector<T> a = rounded<T>(alpha * at.get(average)) + fresh * g;
      at.put(average, a);
      variance = s - a * a;
      variance = variance < 0 ? Vector<T>{} : variance;  // of a constant gradient it is 0, give or take rounding
    }
    Vector<T> direction = g / (square_root(variance) + eps);
    if (velocity) {
      direction += momentum * at.get(velocity);
      at.put(velocity, direction);
    }
    at.put(value, x - lr * direction);
  });
}

template <typename T>
void adam_update(T* value, T* first, T* second, T* largest, const T* grad, Dim count, const AdamHyper& hyper,
                 const Team& team) {
  const T beta1 = static_cast<T>(hyper.beta1), beta2 = static_cast<T>(hyper.beta2), eps = static_cast<T>(hyper.eps);
  const T fresh1 = static_cast<T>(1 - hyper.beta1), fresh2 = static_cast<T>(1 - hyper.beta2);
  const T decay = static_cast<T>(hyper.weight_decay);
  const T rate = static_cast<T>(hyper.lr / (1 - __builtin_pow(hyper.beta1, hyper.step)));
  const T scale = static_cast<T>(1 / __builtin_sqrt(1 - __builtin_pow(hyper.beta2, hyper.step)));
  for_vectors<T>(count, team, [&](auto at) {
    const Vector<T> x = at.get(value);
    const Vector<T> g = at.get(grad) + decay * x;
    const Vector<T> m = rounded<T>(beta1 * at.get(first)) + fresh1 * g;
    Vector<T> v = rounded<T>(beta2 * at.get(second)) + fresh2 * g * g;
    at.put(first, m);
    at.put(second, v);
    if (largest) {
      const Vector<T> before = at.get(largest);
      v = before > v ? before : v;
      at.put(largest, v);
    }
    at.put(value, x - rate * m / (square_root(v) * scale + eps));
  });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(optimizer, LAMELLA_KERNEL(sgd_update), LAMELLA_KERNEL(rmsprop_update), LAMELLA_KERNEL(adam_update))
