#include "kernels/optimizer.h"

#include "kernels/binder.h"
#include "kernels/cpu/update.h"

namespace lamella {
namespace {

template <typename T>
void sgd_update(T* value, T* velocity, const T* grad, const double* scale, Dim count, const SgdHyper& hyper,
                const Team& team) {
  const T lr = static_cast<T>(hyper.lr), momentum = static_cast<T>(hyper.momentum);
  const bool first = hyper.step <= 1, nesterov = hyper.nesterov != 0;
  const T keep = first ? T(0) : momentum, fresh = first ? T(1) : static_cast<T>(1 - hyper.dampening);
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        if (velocity) {
          const Vector<T> v = blend<T>(keep, at.get(velocity), fresh, g);
          at.put(velocity, v);
          g = nesterov ? g + momentum * v : v;
        }
        return x - lr * g;
      });
}

template <typename T>
void adagrad_update(T* value, T* square, const T* grad, const double* scale, Dim count, const AdagradHyper& hyper,
                    const Team& team) {
  const T rate = static_cast<T>(hyper.lr / (1 + (hyper.step - 1) * hyper.lr_decay)), eps = static_cast<T>(hyper.eps);
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> s = at.get(square) + g * g;
        at.put(square, s);
        return x - rate * g / (square_root(s) + eps);
      });
}

template <typename T>
void adadelta_update(T* value, T* square, T* change, const T* grad, const double* scale, Dim count,
                     const AdadeltaHyper& hyper, const Team& team) {
  const T lr = static_cast<T>(hyper.lr), rho = static_cast<T>(hyper.rho), eps = static_cast<T>(hyper.eps);
  const T fresh = static_cast<T>(1 - hyper.rho);
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> s = blend<T>(rho, at.get(square), fresh, g * g);
        const Vector<T> before = at.get(change);
        const Vector<T> direction = square_root(before + eps) / square_root(s + eps) * g;
        const Vector<T> squared = blend<T>(rho, before, fresh, direction * direction), moved = x - lr * direction;
        at.put(square, s);
        at.put(change, squared);
        return moved;
      });
}

template <typename T>
void rmsprop_update(T* value, T* square, T* average, T* velocity, const T* grad, const double* scale, Dim count,
                    const RmspropHyper& hyper, const Team& team) {
  const T lr = static_cast<T>(hyper.lr), alpha = static_cast<T>(hyper.alpha), eps = static_cast<T>(hyper.eps);
  const T momentum = static_cast<T>(hyper.momentum), fresh = static_cast<T>(1 - hyper.alpha);
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> s = rounded<T>(alpha * at.get(square)) + fresh * g * g;
        at.put(square, s);
        Vector<T> variance = s;
        if (average) {
          const Vector<T> a = blend<T>(alpha, at.get(average), fresh, g);
          at.put(average, a);
          variance = s - a * a;
          variance = variance < 0 ? Vector<T>{} : variance;  // of a constant gradient it is 0, give or take rounding
        }
        Vector<T> direction = g / (square_root(variance) + eps);
        if (velocity) {
          direction += momentum * at.get(velocity);
          at.put(velocity, direction);
        }
        return x - lr * direction;
      });
}

template <typename T>
void lion_update(T* value, T* average, const T* grad, const double* scale, Dim count, const LionHyper& hyper,
                 const Team& team) {
  const T lr = static_cast<T>(hyper.lr), beta1 = static_cast<T>(hyper.beta1), beta2 = static_cast<T>(hyper.beta2);
  const T fresh1 = static_cast<T>(1 - hyper.beta1), fresh2 = static_cast<T>(1 - hyper.beta2);
  update_elements(
      value, grad, scale, count, hyper, team, LAMELLA_UPDATE {
        const Vector<T> m = at.get(average), moved = x - lr * sign_of<T>(blend<T>(beta1, m, fresh1, g));
        at.put(average, blend<T>(beta2, m, fresh2, g));
        return moved;
      });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(optimizer, LAMELLA_KERNEL(sgd_update), LAMELLA_KERNEL(adagrad_update), LAMELLA_KERNEL(adadelta_update),
               LAMELLA_KERNEL(rmsprop_update), LAMELLA_KERNEL(lion_update))
