#include "kernels/activation.h"

#include "kernels/binder.h"
#include "kernels/cpu/math.h"

// An activation is a class of two functions of vectors, made of its settings: `forward` of x, and `backward` of the
// upstream gradient and what activation.h says that the derivative is taken from.

namespace lamella {
namespace {

template <template <typename> class F>
struct Activation {
  template <typename T>
  static F<T> make(const void* hyper) {
    using Hyper = typename F<T>::Hyper;
    if constexpr (__is_empty(Hyper)) {
      return F<T>{};
    } else {
      return F<T>(*static_cast<const Hyper*>(hyper));
    }
  }

  template <typename T>
  static void forward(T* out, const T* in, const void*, Index, Index rows, Index cols, Index ld, const void* hyper) {
    const F<T> f = make<T>(hyper);
    for (Index i = 0; i < rows; ++i) {
      map_interleaved(out + i * ld, cols, [&](Vector<T> x) { return f.forward(x); }, in + i * ld);
    }
  }

  template <typename T>
  static void backward(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld,
                       const void* hyper) {
    const F<T> f = make<T>(hyper);
    const T* const saved = static_cast<const T*>(other) + at;
    for (Index i = 0; i < rows; ++i) {
      map_interleaved(
          out + i * ld, cols, [&](Vector<T> dy, Vector<T> v) { return f.backward(dy, v); }, in + i * ld,
          saved + i * ld);
    }
  }
};

struct Plain {
  using Hyper = NoHyper;
};

template <typename T>
struct Relu : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return x < 0 ? Vector<T>{} : x; }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const { return y > 0 ? dy : Vector<T>{}; }
};

template <typename T>
struct LeakyRelu {
  using Hyper = LeakyReluHyper;
  T slope;

  explicit LeakyRelu(const Hyper& hyper) : slope(static_cast<T>(hyper.negative_slope)) {}
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return x > 0 ? x : x * slope; }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const { return y > 0 ? dy : dy * slope; }
};

// above x where x > 0, else below (e^(inner x) - 1).
template <typename T>
struct ExponentialUnit {
  T above, below, inner;

  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return x <= 0 ? expm1_below<T>(x * inner) * below : x * above; }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const {
    return dy * (y > 0 ? splat(above) : (y + below) * inner);
  }
};

template <typename T>
struct Elu : ExponentialUnit<T> {
  using Hyper = EluHyper;
  explicit Elu(const Hyper& hyper) : ExponentialUnit<T>{1, static_cast<T>(hyper.alpha), 1} {}
};

template <typename T>
struct Celu : ExponentialUnit<T> {
  using Hyper = EluHyper;
  explicit Celu(const Hyper& hyper)
      : ExponentialUnit<T>{1, static_cast<T>(hyper.alpha), static_cast<T>(1 / hyper.alpha)} {}
};

// The constants that hold mean 0 and variance 1 (Klambauer et al. 2017).
constexpr double kSeluAlpha = 1.6732632423543772848, kSeluScale = 1.0507009873554804934;

template <typename T>
struct Selu : ExponentialUnit<T>, Plain {
  Selu() : ExponentialUnit<T>{static_cast<T>(kSeluScale), static_cast<T>(kSeluScale * kSeluAlpha), 1} {}
};

template <typename T>
struct Softplus {
  using Hyper = SoftplusHyper;
  T beta, inverse, threshold;

  explicit Softplus(const Hyper& hyper)
      : beta(static_cast<T>(hyper.beta)),
        inverse(static_cast<T>(1 / hyper.beta)),
        threshold(static_cast<T>(hyper.threshold)) {}
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const {
    const Vector<T> z = x * beta;
    const Vector<T> soft = at_least(z, Vector<T>{}) + log1p_unit<T>(exp_below<T>(negative<T>(z)));
    return z > threshold ? x : soft * inverse;
  }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> x) const {
    const Vector<T> z = x * beta;
    return z > threshold ? dy : dy * logistic<T>(z);
  }
};

template <typename T>
struct Gelu : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return x * normal<T>(x).below; }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> x) const {
    const Normal<T> n = normal<T>(x);
    return dy * (n.below + x * n.density);
  }
};

// x times the logistic function s of some z: s + x s (1 - s) z', of z' the derivative by x. For z no less than exp_min,
// from where on s is 0 to all purposes, and no more than -exp_zero.
template <typename T>
LAMELLA_INLINE Vector<T> gated_slope(Vector<T> x, Vector<T> z, Vector<T> z_slope) {
  const Vector<T> e = exp_of_negative<T>(z), s = 1 / (1 + e);
  return s * (1 + x * (e * s) * z_slope);
}

template <typename T>
struct GeluTanh : Plain {
  static constexpr T outer = static_cast<T>(1.5957691216057307117), cubic = static_cast<T>(0.044715);
  // Where z = 2u is -exp_infinite (there s is 0), exp_min and -exp_zero. Beyond, x^3 would overflow.
  static constexpr T zero = static_cast<T>(sizeof(T) == 4 ? -10.06 : -21.16);
  static constexpr T least = static_cast<T>(sizeof(T) == 4 ? -9.986 : -21.14);
  static constexpr T most = static_cast<T>(sizeof(T) == 4 ? 10.03 : 21.152);

  LAMELLA_METHOD Vector<T> argument(Vector<T> v) const { return v * (outer + v * v * (outer * cubic)); }
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const {
    return x / (1 + exp_of_negative<T>(argument(clamp(x, splat(zero), splat(most)))));
  }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> x) const {
    const Vector<T> v = clamp(x, splat(least), splat(most));
    return dy * gated_slope<T>(v, argument(v), outer + v * v * (3 * outer * cubic));
  }
};

template <typename T>
struct Silu : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const {
    using C = MathConstants<T>;
    return x / (1 + exp_of_negative<T>(clamp(x, splat(-C::exp_infinite), splat(-C::exp_zero))));
  }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> x) const {
    using C = MathConstants<T>;
    const Vector<T> v = clamp(x, splat(C::exp_min), splat(-C::exp_zero));
    return dy * gated_slope<T>(v, v, splat(T(1)));
  }
};

// With e = e^x and n = e^2 + 2e: t = n / (n + 2), and t' = 4 e (e + 1) / (n + 2)^2.
template <typename T>
struct Mish : Plain {
  static constexpr T far = 2 * MathConstants<T>::tanh_max;  // beyond, t rounds to 1

  LAMELLA_METHOD Vector<T> grown(Vector<T> x) const { return exp_below<T>(at_most(x, splat(far))); }
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const {
    const Vector<T> e = grown(x), n = e * (e + 2);
    return x * (n / (n + 2));
  }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> x) const {
    const Vector<T> e = grown(x), n = e * (e + 2), inverse = 1 / (n + 2);
    const Vector<T> slope = rounded<T>(n * inverse) + x * (e * (e + 1) * 4 * inverse * inverse);
    return x > far ? dy : dy * slope;
  }
};

template <typename T>
LAMELLA_INLINE Vector<T> between_0_and_6(Vector<T> x) {
  return clamp(x, Vector<T>{}, splat(T(6)));
}

template <typename T>
struct Hardswish : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return x * between_0_and_6<T>(x + 3) / 6; }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> x) const {
    const Vector<T> inside = x < -3 ? Vector<T>{} : dy * (x / 3 + static_cast<T>(0.5));
    return x >= 3 ? dy : inside;
  }
};

template <typename T>
struct Tanh : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return tanh<T>(x); }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const { return dy * (1 - y * y); }
};

template <typename T>
struct Sigmoid : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return logistic<T>(x); }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const { return dy * (y * (1 - y)); }
};

template <typename T>
struct LogSigmoid : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const {
    return at_most(x, Vector<T>{}) - log1p_unit<T>(exp_below<T>(negative<T>(x)));
  }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const { return dy * -expm1_below<T>(y); }
};

template <typename T>
struct Softsign : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return x / (1 + (x < 0 ? -x : x)); }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const {
    const Vector<T> rest = 1 - (y < 0 ? -y : y);
    return dy * (rest * rest);
  }
};

template <typename T>
struct Hardtanh {
  using Hyper = HardtanhHyper;
  T least, most;

  explicit Hardtanh(const Hyper& hyper) : least(static_cast<T>(hyper.min_val)), most(static_cast<T>(hyper.max_val)) {}
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return clamp(x, splat(least), splat(most)); }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const {
    const Vector<T> above = y > least ? dy : Vector<T>{};
    return y < most ? above : Vector<T>{};
  }
};

template <typename T>
struct Hardsigmoid : Plain {
  LAMELLA_METHOD Vector<T> forward(Vector<T> x) const { return between_0_and_6<T>(x + 3) / 6; }
  LAMELLA_METHOD Vector<T> backward(Vector<T> dy, Vector<T> y) const {
    const Vector<T> above = y > 0 ? dy / 6 : Vector<T>{};
    return y < 1 ? above : Vector<T>{};
  }
};

}  // namespace
}  // namespace lamella

#define LAMELLA_ACTIVATION(name, F)                                                    \
  LAMELLA_TILE_AS(#name "_forward", Activation<F>::forward, forward, F<float>::Hyper), \
      LAMELLA_TILE_AS(#name "_backward", Activation<F>::backward, backward, F<float>::Hyper)

LAMELLA_FAMILY(activation, LAMELLA_ACTIVATION(relu, Relu), LAMELLA_ACTIVATION(leaky_relu, LeakyRelu),
               LAMELLA_ACTIVATION(elu, Elu), LAMELLA_ACTIVATION(celu, Celu), LAMELLA_ACTIVATION(selu, Selu),
               LAMELLA_ACTIVATION(softplus, Softplus), LAMELLA_ACTIVATION(gelu, Gelu),
               LAMELLA_ACTIVATION(gelu_tanh, GeluTanh), LAMELLA_ACTIVATION(silu, Silu), LAMELLA_ACTIVATION(mish, Mish),
               LAMELLA_ACTIVATION(hardswish, Hardswish), LAMELLA_ACTIVATION(tanh, Tanh),
               LAMELLA_ACTIVATION(sigmoid, Sigmoid), LAMELLA_ACTIVATION(log_sigmoid, LogSigmoid),
               LAMELLA_ACTIVATION(softsign, Softsign), LAMELLA_ACTIVATION(hardtanh, Hardtanh),
               LAMELLA_ACTIVATION(hardsigmoid, Hardsigmoid))
