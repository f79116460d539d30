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
  static constexpr float exp_infinite = 88.9f, exp_zero = -88;  // where 2^k is infinite, and 0
  static constexpr float tail_zero = 13.2687f;                  // where e^(-a^2/2) gets to 0
  static constexpr float tanh_max = 10.0f;                      // beyond, tanh rounds to 1
  static constexpr int mantissa_bits = 23;
  static constexpr std::int32_t bias = 127;
  static constexpr std::int32_t sqrt_half_bits = 0x3f3504f3;
  static constexpr float infinity = __builtin_inff(), smallest_normal = 1.17549435e-38f;
  static constexpr int log_terms = 5, sine_terms = 9;
  // (e^r - 1 - r) / r^2 for |r| <= ln2/2, least greatest error of e^r: 3e-9.
  static constexpr float exp_series[] = {0.499999934528951574f, 0.166665206868619369f, 0.0416683869673763465f,
                                         0.00836871038719089759f, 0.00138146402535302094f};
  // (2 atanh s - 2 s) / s^3 in s^2 for 0 <= s <= 1/3, least greatest error of atanh: 4e-9.
  static constexpr float atanh_series[] = {0.666664163019927698f, 0.400215263893500291f, 0.280018177922900606f,
                                           0.280119316427500407f};
  static constexpr std::int32_t high_half = -(1 << 12);  // mask of the bits whose square is exact
  // (1 - Phi(a)) e^(a^2/2), a quotient of polynomials in a, for 0 <= a <= 13.3, beyond which it is 0: to 5e-9.
  static constexpr float tail_above[] = {0.500000002487176639f, 0.435687303521521909f, 0.181307508019728805f,
                                         0.0399844300568846617f, 0.00402023035806052133f};
  static constexpr float tail_below[] = {1,
                                         1.66925952622499930f,
                                         1.19448728279053715f,
                                         0.464382315301109703f,
                                         0.100233483899234783f,
                                         0.0100770798745853647f};
};

template <>
struct MathConstants<double> {
  static constexpr double round_magic = 6755399441055744.0;       // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01;  // 32 bits
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr double log2e = 1.44269504088896340736;
  static constexpr double exp_max = 709.782712893383973096, exp_min = -708.396418532264106224;
  static constexpr double exp_infinite = 709.9, exp_zero = -709, tail_zero = 37.659;
  static constexpr double tanh_max = 20.0;
  static constexpr int mantissa_bits = 52;
  static constexpr std::int64_t bias = 1023;
  static constexpr std::int64_t sqrt_half_bits = 0x3fe6a09e667f3bcd;
  static constexpr double infinity = __builtin_inf(), smallest_normal = 2.2250738585072014e-308;
  static constexpr int log_terms = 11, sine_terms = 17;
  static constexpr double exp_series[] = {
      // to 4e-18
      0.5000000000000010618,    0.16666666666666412876,    0.041666666666530251841,    0.0083333333334942834598,
      0.0013888888943601902484, 0.00019841269506869418885, 0.000024801493131391699065, 2.7557586194422821573e-6,
      2.7630235777745343746e-7, 2.5000093985360805572e-8};
  static constexpr double atanh_series[] = {// to 2e-18
                                            0.66666666666666309696, 0.40000000000155120346, 0.28571428548117255582,
                                            0.22222223953703679373, 0.18181744476761644224, 0.1538654844679680483,
                                            0.13301120620481153049, 0.12104951188105417298, 0.083449431410594418912,
                                            0.17009810373655879904};
  static constexpr std::int64_t high_half = -(std::int64_t{1} << 27);
  // (a + 4) (1 - Phi(a)) e^(a^2/2) as a polynomial in (a - 4) / (a + 4), for 0 <= a <= 39: to 4e-17.
  static constexpr double tail[] = {
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

// c[0] + c[1] x + c[2] x^2 + ... by Horner's scheme in x^2 on pairs of terms: half as long a chain.
template <typename T, int terms>
LAMELLA_INLINE Vector<T> series(const T (&c)[terms], Vector<T> x) {
  constexpr int last = (terms - 1) / 2 * 2;
  const Vector<T> square = x * x;
  Vector<T> sum = splat(c[last]);
  if constexpr (last + 1 < terms) sum = c[last + 1] * x + c[last];
#pragma GCC unroll 16
  for (int i = last - 2; i >= 0; i -= 2) sum = sum * square + (c[i + 1] * x + c[i]);
  return sum;
}

// x = k ln2 + r, |r| <= ln2/2: gives e^r - 1, k, and 2^k for -bias <= k <= bias + 1, at whose ends it is 0 and
// infinity.
template <typename T>
struct Reduced {
  Vector<T> expm1_r, k, scale;
};

// Added to the magic number, k + bias lies in the lowest bits: AVX2 has no conversion to 64-bit integers. `rest` is
// what rounding took from x, if anything.
template <typename T, typename... Rest>
LAMELLA_INLINE Reduced<T> reduce_exp(Vector<T> x, Rest... rest) {
  using C = MathConstants<T>;
  constexpr T magic = C::round_magic + static_cast<T>(C::bias);
  const Vector<T> shifted = x * C::log2e + magic, k = shifted - magic;
  const Vector<T> r = (((x - k * C::ln2_high) - k * C::ln2_low) + ... + rest);
  const Vector<T> scale = (Vector<T>)((IntegerVector<T>)shifted << C::mantissa_bits);
  return {r + r * r * series(C::exp_series, r), k, scale};
}

// 2^k for whole k.
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

// e^x where nothing overflows: the same bits with less work.
template <typename T>
LAMELLA_INLINE Vector<T> exp_below(Vector<T> x) {
  const Reduced<T> reduced = reduce_exp<T>(at_least(x, splat(MathConstants<T>::exp_zero)));
  return reduced.scale * (1 + reduced.expm1_r);
}

// e^x - 1 for |x| well inside the range of exp; exact near 0.
template <typename T>
LAMELLA_INLINE Vector<T> expm1_inside(Vector<T> x) {
  const Reduced<T> reduced = reduce_exp<T>(x);
  return reduced.scale * reduced.expm1_r + (reduced.scale - 1);
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

// e^-x where x is between -exp_infinite and -exp_zero.
template <typename T>
LAMELLA_INLINE Vector<T> exp_of_negative(Vector<T> x) {
  const Reduced<T> reduced = reduce_exp<T>(-x);
  return reduced.scale * (1 + reduced.expm1_r);
}

// 1 / (1 + e^-x).
template <typename T>
LAMELLA_INLINE Vector<T> logistic(Vector<T> x) {
  using C = MathConstants<T>;
  return 1 / (1 + exp_of_negative<T>(clamp(x, splat(-C::exp_infinite), splat(-C::exp_zero))));
}

// a * a - square, of which square is the rounded value: exactly.
template <typename T>
LAMELLA_INLINE Vector<T> square_error(Vector<T> a, Vector<T> square) {
#if defined(__FMA__) || defined(__AVX512F__) || defined(__ARM_FEATURE_FMA)
  const Vector<T> same = rounded<T>(a);
  return same * same - square;
#else
  const Vector<T> high = (Vector<T>)((IntegerVector<T>)a & MathConstants<T>::high_half), low = a - high;
  return ((high * high - square) + high * low * 2) + low * low;
#endif
}

// (1 - Phi(a)) / e^(-a^2/2) for 0 <= a <= tail_zero.
LAMELLA_INLINE Vector<float> tail_ratio(Vector<float> a) {
  using C = MathConstants<float>;
  return series(C::tail_above, a) / series(C::tail_below, a);
}

// A quotient would lose too much to its many roundings.
LAMELLA_INLINE Vector<double> tail_ratio(Vector<double> a) {
  const Vector<double> inverse = 1 / (a + 4);
  return series(MathConstants<double>::tail, (a - 4) * inverse) * inverse;
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
  const Vector<T> a = at_most(absolute<T>(x), splat(C::tail_zero));
  const Vector<T> square = rounded<T>(a * a), error = square_error<T>(a, square);
  const Reduced<T> reduced = reduce_exp<T>(square * T(-0.5), error * T(-0.5));  // a rounding here would show
  const Vector<T> e = reduced.scale * (1 + reduced.expm1_r);
  const Vector<T> tail = e * tail_ratio(a);
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

// log(1 + x) for x in [0, 1] = 2 atanh(s), s = x / (x + 2), and 2s = x - s x.
template <typename T>
LAMELLA_INLINE Vector<T> log1p_unit(Vector<T> x) {
  const Vector<T> s = x / (x + 2), z = s * s;
  return x - s * (x - z * series(MathConstants<T>::atanh_series, z));
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
