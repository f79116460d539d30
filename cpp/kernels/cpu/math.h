#pragma once

#include "kernels/cpu/simd.h"

// exp, expm1, log, log1p, tanh, the logistic function, sine and cosine on vectors, by argument reduction and series
// short enough for the reduced range. Accurate to a few units in the last place (tests/test_math.py measures them).

namespace lamella {
namespace {

template <typename T>
struct MathConstants;

template <>
struct MathConstants<float> {
  static constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float ln2_high = 0.693359375f;    // 9 bits: k * ln2_high is exact
  static constexpr float ln2_low = -2.12194440054690583e-4f;
  static constexpr float log2e = 1.44269504088896341f;
  static constexpr float exp_max = 88.72283935546875f, exp_min = -87.33654475f;
  static constexpr float tanh_max = 10.0f;  // beyond, tanh rounds to 1
  static constexpr int mantissa_bits = 23;
  static constexpr std::int32_t bias = 127;
  static constexpr std::int32_t sqrt_half_bits = 0x3f3504f3;
  static constexpr float infinity = __builtin_inff();
  static constexpr int exp_terms = 7, log_terms = 5, sine_terms = 9;
};

template <>
struct MathConstants<double> {
  static constexpr double round_magic = 6755399441055744.0;       // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01;  // 32 bits
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr double log2e = 1.44269504088896340736;
  static constexpr double exp_max = 709.782712893383973096, exp_min = -708.396418532264106224;
  static constexpr double tanh_max = 20.0;
  static constexpr int mantissa_bits = 52;
  static constexpr std::int64_t bias = 1023;
  static constexpr std::int64_t sqrt_half_bits = 0x3fe6a09e667f3bcd;
  static constexpr double infinity = __builtin_inf();
  static constexpr int exp_terms = 13, log_terms = 11, sine_terms = 17;
};

// 1/n!, exact to the last place of a double.
constexpr double kInverseFactorial[] = {1.0,
                                        1.0,
                                        1.0 / 2,
                                        1.0 / 6,
                                        1.0 / 24,
                                        1.0 / 120,
                                        1.0 / 720,
                                        1.0 / 5040,
                                        1.0 / 40320,
                                        1.0 / 362880,
                                        1.0 / 3628800,
                                        1.0 / 39916800,
                                        1.0 / 479001600,
                                        1.0 / 6227020800.0,
                                        1.0 / 87178291200.0,
                                        1.0 / 1307674368000.0,
                                        1.0 / 20922789888000.0,
                                        1.0 / 355687428096000.0};

// x = k ln2 + r, |r| <= ln2/2: gives (e^r - 1), and 2^k by its exponent bits.
template <typename T>
struct Reduced {
  Vector<T> expm1_r;
  Vector<T> k;
};

template <typename T>
LAMELLA_INLINE Reduced<T> reduce_exp(Vector<T> x) {
  using C = MathConstants<T>;
  const Vector<T> k = (x * C::log2e + C::round_magic) - C::round_magic;
  const Vector<T> r = (x - k * C::ln2_high) - k * C::ln2_low;
  Vector<T> p = splat(static_cast<T>(kInverseFactorial[C::exp_terms]));
#pragma GCC unroll 16
  for (int term = C::exp_terms - 1; term >= 2; --term) p = p * r + static_cast<T>(kInverseFactorial[term]);
  return {r + r * r * p, k};
}

template <typename T>
LAMELLA_INLINE Vector<T> power_of_two(Vector<T> k) {
  using C = MathConstants<T>;
  const IntegerVector<T> exponent = __builtin_convertvector(k, IntegerVector<T>) + C::bias;
  return (Vector<T>)(exponent << C::mantissa_bits);
}

template <typename T>
LAMELLA_INLINE Vector<T> exp(Vector<T> x) {
  using C = MathConstants<T>;
  const Reduced<T> reduced = reduce_exp<T>(clamp(x, splat(C::exp_min), splat(C::exp_max)));
  // 2^k has no bits of its own for the largest k: the last doubling is a factor.
  const Vector<T> largest_k = splat(static_cast<T>(C::bias));
  const Vector<T> k = reduced.k > largest_k ? largest_k : reduced.k;
  const Vector<T> scale = power_of_two<T>(k);
  Vector<T> y = scale * (1 + reduced.expm1_r) * (1 + (reduced.k - k));
  y = x < C::exp_min ? Vector<T>{} : y;
  return x > C::exp_max ? splat(C::infinity) : y;
}

// e^x - 1 for |x| well inside the range of exp; exact near 0.
template <typename T>
LAMELLA_INLINE Vector<T> expm1_inside(Vector<T> x) {
  const Reduced<T> reduced = reduce_exp<T>(x);
  const Vector<T> scale = power_of_two<T>(reduced.k);
  return scale * reduced.expm1_r + (scale - 1);
}

// tanh x = e / (e + 2), e = expm1(2x).
template <typename T>
LAMELLA_INLINE Vector<T> tanh(Vector<T> x) {
  using C = MathConstants<T>;
  const Vector<T> e = expm1_inside<T>(clamp(x, splat(-C::tanh_max), splat(C::tanh_max)) * 2);
  return e / (e + 2);
}

// 1 / (1 + e^-x).
template <typename T>
LAMELLA_INLINE Vector<T> logistic(Vector<T> x) {
  return 1 / (1 + exp<T>(-x));
}

// log x = k ln2 + 2 atanh(s), s = (m - 1) / (m + 1), x = m 2^k with m in [sqrt(1/2), sqrt(2)). For normal x > 0.
template <typename T>
LAMELLA_INLINE Vector<T> log_positive(Vector<T> x) {
  using C = MathConstants<T>;
  const IntegerVector<T> bits = (IntegerVector<T>)x;
  const IntegerVector<T> k = (bits - C::sqrt_half_bits) >> C::mantissa_bits;
  const Vector<T> m = (Vector<T>)(bits - (k << C::mantissa_bits));
  const Vector<T> kf = __builtin_convertvector(k, Vector<T>);
  const Vector<T> f = m - 1;
  const Vector<T> s = f / (f + 2);
  const Vector<T> z = s * s;
  Vector<T> p = splat(static_cast<T>(2.0 / (2 * C::log_terms + 1)));
#pragma GCC unroll 16
  for (int term = C::log_terms - 1; term >= 1; --term) p = p * z + static_cast<T>(2.0 / (2 * term + 1));
  // log m = f - (f^2/2 - s (f^2/2 + z p)) keeps f exact: 2 atanh(s) = 2s + s z p, and 2s = f - s f.
  const Vector<T> half_square = f * f * static_cast<T>(0.5);
  const Vector<T> correction = s * (half_square + z * p);
  return kf * C::ln2_high - ((half_square - (correction + kf * C::ln2_low)) - f);
}

// log(1 + x) for x >= 0 (finite).
template <typename T>
LAMELLA_INLINE Vector<T> log1p_positive(Vector<T> x) {
  const Vector<T> u = x + 1;
  return log_positive<T>(u) + (x - (u - 1)) / u;
}

template <typename T>
struct SineCosine {
  Vector<T> sine, cosine;
};

// For |x| <= pi/4, by their series up to x^sine_terms / sine_terms! and the term after that.
template <typename T>
LAMELLA_INLINE SineCosine<T> sine_cosine_inside(Vector<T> x) {
  constexpr int terms = MathConstants<T>::sine_terms;
  const Vector<T> z = -(x * x);  // signs of the series alternate
  Vector<T> s = splat(static_cast<T>(kInverseFactorial[terms]));
  Vector<T> c = splat(static_cast<T>(kInverseFactorial[terms - 1]));
  if constexpr (terms + 1 < 12) c = c + z * static_cast<T>(kInverseFactorial[terms + 1]);
#pragma GCC unroll 16
  for (int term = terms - 2; term >= 3; term -= 2) s = s * z + static_cast<T>(kInverseFactorial[term]);
#pragma GCC unroll 16
  for (int term = terms - 3; term >= 4; term -= 2) c = c * z + static_cast<T>(kInverseFactorial[term]);
  return {x + x * (z * s), 1 + (z * static_cast<T>(0.5) + z * z * c)};
}

}  // namespace
}  // namespace lamella
