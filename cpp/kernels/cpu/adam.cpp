#include "kernels/adam.h"

#include "kernels/binder.h"
#include "kernels/cpu/update.h"

namespace lamella {
namespace {

// The averages of the gradient and of its square.
template <typename T>
struct Moments {
  T beta1, beta2, fresh1, fresh2, eps;

  template <typename Hyper>
  explicit Moments(const Hyper& hyper)
      : beta1(static_cast<T>(hyper.beta1)),
        beta2(static_cast<T>(hyper.beta2)),
        fresh1(static_cast<T>(1 - hyper.beta1)),
        fresh2(static_cast<T>(1 - hyper.beta2)),
        eps(static_cast<T>(hyper.eps)) {}

  Vector<T> first(Vector<T> m, Vector<T> g) const { return blend<T>(beta1, m, fresh1, g); }
  Vector<T> second(Vector<T> v, Vector<T> g) const { return rounded<T>(beta2 * v) + fresh2 * g * g; }
};

// 1 - beta^step.
double correction(double beta, double step) { return 1 - __builtin_pow(beta, step); }

// Where in `running` the step before left something, and where this one does.
Index before(double step) { return static_cast<Index>(step - 1) & 1; }
Index after(double step) { return static_cast<Index>(step) & 1; }

template <typename T>
void adam_update(T* value, T* first, T* second, T* largest, const T* grad, const double* scale, Dim count,
                 const AdamHyper& hyper, const Team& team) {
  const Moments<T> moments(hyper);
  const bool corrects = hyper.bias_correction != 0;
  const T rate = static_cast<T>(corrects ? hyper.lr / correction(hyper.beta1, hyper.step) : hyper.lr);
  const T root = static_cast<T>(corrects ? 1 / __builtin_sqrt(correction(hyper.beta2, hyper.step)) : 1);
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> m = moments.first(at.get(first), g);
        Vector<T> v = moments.second(at.get(second), g);
        at.put(first, m);
        at.put(second, v);
        if (largest) {
          const Vector<T> most = at.get(largest);
          v = most > v ? most : v;
          at.put(largest, v);
        }
        return x - rate * m / (square_root(v) * root + moments.eps);
      });
}

template <typename T>
void nadam_update(T* value, T* first, T* second, double* running, const T* grad, const double* scale, Dim count,
                  const NadamHyper& hyper, const Team& team) {
  const Moments<T> moments(hyper);
  const auto momentum = [&](double step) {
    return hyper.beta1 * (1 - 0.5 * __builtin_pow(0.96, step * hyper.momentum_decay));
  };
  const double now = momentum(hyper.step), next = momentum(hyper.step + 1);
  const double product = running[before(hyper.step)] * now;
  if (team.rank == 0) running[after(hyper.step)] = product;
  const T of_grad = static_cast<T>(hyper.lr * (1 - now) / (1 - product));
  const T of_first = static_cast<T>(hyper.lr * next / (1 - product * next));
  const T root = static_cast<T>(1 / __builtin_sqrt(correction(hyper.beta2, hyper.step)));
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> m = moments.first(at.get(first), g), v = moments.second(at.get(second), g);
        const Vector<T> moved = x - blend<T>(of_grad, g, of_first, m) / (square_root(v) * root + moments.eps);
        at.put(first, m);
        at.put(second, v);
        return moved;
      });
}

template <typename T>
void radam_update(T* value, T* first, T* second, const T* grad, const double* scale, Dim count, const RadamHyper& hyper,
                  const Team& team) {
  const Moments<T> moments(hyper);
  const double correction2 = correction(hyper.beta2, hyper.step), most = 2 / (1 - hyper.beta2) - 1;
  const double length = most - 2 * hyper.step * (1 - correction2) / correction2;  // of the average, in steps
  const bool tractable = length > 5;
  const double rectified =
      tractable ? __builtin_sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length) * correction2)
                : 1;
  const T rate = static_cast<T>(hyper.lr / correction(hyper.beta1, hyper.step) * rectified);
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> m = moments.first(at.get(first), g), v = moments.second(at.get(second), g);
        at.put(first, m);
        at.put(second, v);
        const Vector<T> change = rounded<T>(rate * m);
        return x - (tractable ? change / (square_root(v) + moments.eps) : change);
      });
}

template <typename T>
void adamax_update(T* value, T* first, T* largest, const T* grad, const double* scale, Dim count,
                   const AdamaxHyper& hyper, const Team& team) {
  const Moments<T> moments(hyper);
  const T rate = static_cast<T>(hyper.lr / correction(hyper.beta1, hyper.step));
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> m = moments.first(at.get(first), g);
        const Vector<T> faded = moments.beta2 * at.get(largest), fresh = magnitude<T>(g) + moments.eps;
        const Vector<T> u = faded > fresh ? faded : fresh;  // NaN if the gradient is
        at.put(first, m);
        at.put(largest, u);
        return x - rate * m / u;
      });
}

template <typename T>
void schedule_free_update(T* value, T* fast, T* second, double* running, const T* grad, const double* scale, Dim count,
                          const ScheduleFreeHyper& hyper, const Team& team) {
  const Moments<T> moments(hyper);
  const double warm = hyper.step < hyper.warmup_steps ? hyper.step / hyper.warmup_steps : 1, rate = hyper.lr * warm;
  const double* const last = running + 2 * before(hyper.step);
  const double fastest = rate > last[1] ? rate : last[1];
  const double weight = __builtin_pow(hyper.step, hyper.r) * __builtin_pow(fastest, hyper.weight_lr_power);
  const double sum = last[0] + weight, share = sum > 0 ? weight / sum : 0;
  if (team.rank == 0) {
    running[2 * after(hyper.step)] = sum;
    running[2 * after(hyper.step) + 1] = fastest;
  }
  const bool starts = hyper.step <= 1;
  const T lr = static_cast<T>(rate), decay = static_cast<T>(hyper.decay);
  const T old = static_cast<T>(1 - share), fresh = static_cast<T>(share);
  const T move = static_cast<T>(rate * (hyper.beta1 * (1 - share) - 1));
  const T root = static_cast<T>(1 / __builtin_sqrt(correction(hyper.beta2, hyper.step)));
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> z = starts ? x : at.get(fast), v = moments.second(at.get(second), g);
        const Vector<T> direction = rounded<T>(g / (square_root(v) * root + moments.eps)) + decay * x;
        const Vector<T> next = z - lr * direction, moved = blend<T>(old, x, fresh, z) + move * direction;
        at.put(second, v);
        at.put(fast, next);
        return moved;
      });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(adam, LAMELLA_KERNEL(adam_update), LAMELLA_KERNEL(nadam_update), LAMELLA_KERNEL(radam_update),
               LAMELLA_KERNEL(adamax_update), LAMELLA_KERNEL(schedule_free_update))
