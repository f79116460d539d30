#pragma once

#include "kernels/cpu/simd.h"

// exp, expm1, log, log1p, tanh, the logistic function, sine and cosine, and the normal distribution on vectors, by
// argument reduction and series short enough for the reduced range. Accurate to a few units in the last place
// (tests/test_math.py measures them).

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
  static constexpr float infinity = __builtin_inff(), smallest_normal = 1.17549435e-38f;
  static constexpr int exp_terms = 7, log_terms = 5, log1p_terms = 7, sine_terms = 9;
  static constexpr std::int32_t high_half = -(1 << 12);  // mask of the bits whose square is exact
  // (a + 4) (1 - Phi(a)) e^(a^2/2) as a polynomial in (a - 4) / (a + 4), for 0 <= a <= 14: to 3e-9.
  static constexpr int tail_terms = 11;
  static constexpr float tail[tail_terms] = {
      0.755285130371524675f,    -0.607896656274169695f,    0.387137395468708481f,     -0.186521340219526888f,
      0.0603970600116888883f,   -0.00754520904258376496f,  -0.00348678173055883849f,  0.00164726415185745215f,
      0.000167433393103963368f, -0.000237585483752948893f, -0.0000537639454550905621f};
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
  static constexpr double infinity = __builtin_inf(), smallest_normal = 2.2250738585072014e-308;
  static constexpr int exp_terms = 13, log_terms = 11, log1p_terms = 16, sine_terms = 17;
  static constexpr std::int64_t high_half = -(std::int64_t{1} << 27);
  static constexpr int tail_terms = 23;  // for 0 <= a <= 39: to 4e-17
  static constexpr double tail[tail_terms] = {
      0.75528513041575148,     -0.607896641971891759,    0.387137400742218879,    -0.186521857959694163,
      0.0603965748906994641,   -0.00754018896559305902,  -0.00347969236224253334, 0.0016308184418903596,
      0.000133344254019049116, -0.000231094818319376211, -1.90786653166135743e-6, 0.0000351441811577609727,
      7.15005595921609866e-7,  -5.91889273176323645e-6,  -6.25132104047868019e-7, 1.01980485181351727e-6,
      2.63682485764076251e-7,  -1.54263205367710739e-7,  -7.63808205349045035e-8, 1.45785933470364597e-8,
      1.39240239935017101e-8,  7.26954547902668946e-11,  -9.65342542022850467e-10};
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

// For whole k. Added to the magic number, k + bias lies in the lowest bits: AVX2 has no conversion to 64-bit integers.
template <typename T>
LAMELLA_INLINE Vector<T> power_of_two(Vector<T> k) {
  using C = MathConstants<T>;
  const IntegerVector<T> exponent = (IntegerVector<T>)(k + (C::round_magic + static_cast<T>(C::bias)));
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

// e^x for x <= 0, where nothing overflows: the same bits with less work.
template <typename T>
LAMELLA_INLINE Vector<T> exp_below(Vector<T> x) {
  using C = MathConstants<T>;
  const Reduced<T> reduced = reduce_exp<T>(clamp(x, splat(C::exp_min), Vector<T>{}));
  const Vector<T> y = power_of_two<T>(reduced.k) * (1 + reduced.expm1_r);
  return x < C::exp_min ? Vector<T>{} : y;
}

// e^x - 1 for |x| well inside the range of exp; exact near 0.
template <typename T>
LAMELLA_INLINE Vector<T> expm1_inside(Vector<T> x) {
  const Reduced<T> reduced = reduce_exp<T>(x);
  const Vector<T> scale = power_of_two<T>(reduced.k);
  return scale * reduced.expm1_r + (scale - 1);
}

// e^x - 1 for x <= 0, and 0 for others.
template <typename T>
LAMELLA_INLINE Vector<T> expm1_below(Vector<T> x) {
  return expm1_inside<T>(clamp(x, splat(-2 * MathConstants<T>::tanh_max), Vector<T>{}));
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

// The logistic function, and what it lacks to 1 without cancellation.
template <typename T>
struct LogisticPair {
  Vector<T> value, rest;
};

template <typename T>
LAMELLA_INLINE LogisticPair<T> logistic_pair(Vector<T> x) {
  const Vector<T> e = exp_below<T>(x < 0 ? x : -x);
  const Vector<T> large = 1 / (1 + e), small = e * large;
  return {x < 0 ? small : large, x < 0 ? large : small};
}

// Distribution function and density of the standard normal distribution. Phi(x) = (1 + erf(x / sqrt 2)) / 2 keeps its
// relative accuracy in the left tail, where 1 + erf would cancel.
template <typename T>
struct Normal {
  Vector<T> below, density;
};

template <typename T>
LAMELLA_INLINE Normal<T> normal(Vector<T> x) {
  using C = MathConstants<T>;
  const Vector<T> a = clamp(x < 0 ? -x : x, Vector<T>{}, splat(T(40)));  // the tail is 0 from there on
  // a^2 = square + error exactly: a rounding of the exponent would show in e^(-a^2/2).
  const Vector<T> high = (Vector<T>)((IntegerVector<T>)a & C::high_half), low = a - high;
  const Vector<T> square = a * a;
  const Vector<T> error = ((high * high - square) + high * low * 2) + low * low;
  const Vector<T> e = exp_below<T>(square * T(-0.5)) * (1 - error * T(0.5));
  const Vector<T> inverse = 1 / (a + 4), t = (a - 4) * inverse;
  Vector<T> p = splat(C::tail[C::tail_terms - 1]);
#pragma GCC unroll 32
  for (int term = C::tail_terms - 2; term >= 0; --term) p = p * t + C::tail[term];
  const Vector<T> tail = e * (p * inverse);
  return {x < 0 ? tail : 1 - tail, e * static_cast<T>(0.39894228040143267794)};
}

// log(1 + f) = 2 atanh(s), s = f / (f + 2), by that many terms of its series: f less what this gives.
template <typename T, int terms>
LAMELLA_INLINE Vector<T> below_log1p(Vector<T> f, Vector<T> low) {
  const Vector<T> s = f / (f + 2);
  const Vector<T> z = s * s;
  Vector<T> p = splat(static_cast<T>(2.0 / (2 * terms + 1)));
#pragma GCC unroll 32
  for (int term = terms - 1; term >= 1; --term) p = p * z + static_cast<T>(2.0 / (2 * term + 1));
  // f - (f^2/2 - s (f^2/2 + z p)) keeps f exact: 2 atanh(s) = 2s + s z p, and 2s = f - s f.
  const Vector<T> half_square = f * f * static_cast<T>(0.5);
  return half_square - (s * (half_square + z * p) + low);
}

// log x = k ln2 + log m, x = m 2^k with m in [sqrt(1/2), sqrt(2)). For normal x > 0.
template <typename T>
LAMELLA_INLINE Vector<T> log_positive(Vector<T> x) {
  using C = MathConstants<T>;
  const IntegerVector<T> bits = (IntegerVector<T>)x;
  const IntegerVector<T> k = (bits - C::sqrt_half_bits) >> C::mantissa_bits;
  const Vector<T> m = (Vector<T>)(bits - (k << C::mantissa_bits));
  const Vector<T> kf = (Vector<T>)((IntegerVector<T>)splat(C::round_magic) + k) - C::round_magic;  // k as a number
  const Vector<T> f = m - 1;
  return kf * C::ln2_high - (below_log1p<T, C::log_terms>(f, kf * C::ln2_low) - f);
}

// log(1 + x) for x in [0, 1]: one division, where the general one has two.
template <typename T>
LAMELLA_INLINE Vector<T> log1p_unit(Vector<T> x) {
  return x - below_log1p<T, MathConstants<T>::log1p_terms>(x, Vector<T>{});
}

// log x for any x: NaN below 0, -infinity at 0, which all below the smallest normal number count as.
template <typename T>
LAMELLA_INLINE Vector<T> log(Vector<T> x) {
  using C = MathConstants<T>;
  Vector<T> y = log_positive<T>(x);
  y = x < C::smallest_normal ? splat(-C::infinity) : y;
  y = x < C::infinity ? y : x;  // infinity, and NaN
  return x < 0 ? splat(static_cast<T>(__builtin_nan(""))) : y;
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
