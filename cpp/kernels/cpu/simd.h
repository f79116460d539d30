#pragma once

#include "core/types.h"
#include "kernels/sequence.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Vectors of the instruction set that this unit is compiled for, by the compiler's vector types; intrinsics only where
// those cannot say it (masked memory access, roots, sign masks, 32x32->64 products). All-ones masks stand where plain
// AVX-512 intrinsics would make GCC 12 warn of its own headers.

namespace lamella {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kVectorRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kVectorRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16;
constexpr int kVectorRegisters = 32;
#else
constexpr int kVectorBytes = 16;
constexpr int kVectorRegisters = 16;
#endif

template <typename T>
struct Simd;

template <>
struct Simd<float> {
  typedef float Vector __attribute__((vector_size(kVectorBytes)));
  typedef std::int32_t Integer __attribute__((vector_size(kVectorBytes)));
  using IntegerElement = std::int32_t;
  static constexpr int lanes = kVectorBytes / 4;
};

template <>
struct Simd<double> {
  typedef double Vector __attribute__((vector_size(kVectorBytes)));
  typedef std::int64_t Integer __attribute__((vector_size(kVectorBytes)));
  using IntegerElement = std::int64_t;
  static constexpr int lanes = kVectorBytes / 8;
};

template <typename T>
using Vector = typename Simd<T>::Vector;
template <typename T>
using IntegerVector = typename Simd<T>::Integer;
template <typename T>
constexpr int kLanes = Simd<T>::lanes;

#define LAMELLA_INLINE static inline __attribute__((always_inline))
#define LAMELLA_METHOD \
  inline __attribute__((always_inline))  // of a class that holds settings as vector code wants them

template <typename T>
LAMELLA_INLINE Vector<T> splat(T value) {
  return value - Vector<T>{};  // x - 0 is x for every x, so this is one broadcast; 0 + x would cost an add for -0
}

template <typename T>
LAMELLA_INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <typename T>
LAMELLA_INLINE void store(T* to, Vector<T> v) {
  __builtin_memcpy(to, &v, sizeof v);
}

// The first `count` lanes (0 < count < lanes); loads give zeros in the others.
#if defined(__AVX512F__)
LAMELLA_INLINE Vector<float> load_part(const float* from, Index count) {
  return (Vector<float>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
}
LAMELLA_INLINE void store_part(float* to, Vector<float> v, Index count) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), (__m512)v);
}
LAMELLA_INLINE Vector<double> load_part(const double* from, Index count) {
  return (Vector<double>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from);
}
LAMELLA_INLINE void store_part(double* to, Vector<double> v, Index count) {
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>((1u << count) - 1), (__m512d)v);
}
#elif defined(__AVX2__)
// Masks are read from a window over ones and zeros. Stores go by halves: a masked one costs a dozen cycles on some
// CPUs.
template <typename T>
LAMELLA_INLINE __m256i first_lanes(Index count) {
  alignas(64) static constexpr std::int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(window + 8 - count * (Index{sizeof(T)} / 4)));
}
LAMELLA_INLINE Vector<float> load_part(const float* from, Index count) {
  return (Vector<float>)_mm256_maskload_ps(from, first_lanes<float>(count));
}
LAMELLA_INLINE Vector<double> load_part(const double* from, Index count) {
  return (Vector<double>)_mm256_maskload_pd(from, first_lanes<double>(count));
}
LAMELLA_INLINE void store_part(float* to, Vector<float> v, Index count) {
  __m128 rest = _mm256_castps256_ps128((__m256)v);
  if (count & 4) {
    _mm_storeu_ps(to, rest);
    rest = _mm256_extractf128_ps((__m256)v, 1);
    to += 4;
  }
  if (count & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(to), rest);
    rest = _mm_movehl_ps(rest, rest);
    to += 2;
  }
  if (count & 1) _mm_store_ss(to, rest);
}
LAMELLA_INLINE void store_part(double* to, Vector<double> v, Index count) {
  __m128d rest = _mm256_castpd256_pd128((__m256d)v);
  if (count & 2) {
    _mm_storeu_pd(to, rest);
    rest = _mm256_extractf128_pd((__m256d)v, 1);
    to += 2;
  }
  if (count & 1) _mm_store_sd(to, rest);
}
#elif defined(__aarch64__)
// Three loads without a branch, one of which may be of an element that another one reads, too; then what there is.
LAMELLA_INLINE Vector<float> load_part(const float* from, Index count) {
  static constexpr std::uint32_t window[] = {~0u, ~0u, ~0u, 0, 0, 0};
  float32x4_t v = vsetq_lane_f32(*from, vdupq_n_f32(0), 0);
  v = vld1q_lane_f32(from + (count >> 1), v, 1);
  v = vld1q_lane_f32(from + count - 1, v, 2);
  return (Vector<float>)vandq_u32(vreinterpretq_u32_f32(v), vld1q_u32(window + 3 - count));
}
LAMELLA_INLINE void store_part(float* to, Vector<float> v, Index count) {
  float32x2_t rest = vget_low_f32((float32x4_t)v);
  if (count & 2) {
    vst1_f32(to, rest);
    rest = vget_high_f32((float32x4_t)v);
    to += 2;
  }
  if (count & 1) vst1_lane_f32(to, rest, 0);
}
LAMELLA_INLINE Vector<double> load_part(const double* from, Index) { return Vector<double>{*from, 0}; }
LAMELLA_INLINE void store_part(double* to, Vector<double> v, Index) { *to = v[0]; }
#else
template <typename T>
LAMELLA_INLINE Vector<T> load_part(const T* from, Index count) {
  Vector<T> v = {};
  for (Index i = 0; i < count; ++i) v[i] = from[i];
  return v;
}
template <typename T>
LAMELLA_INLINE void store_part(T* to, Vector<T> v, Index count) {
  for (Index i = 0; i < count; ++i) to[i] = v[i];
}
#endif

LAMELLA_INLINE Vector<float> square_root(Vector<float> x) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (Vector<float>)_mm_sqrt_ps((__m128)x);
#elif defined(__aarch64__)
  return (Vector<float>)vsqrtq_f32((float32x4_t)x);
#else
  for (int i = 0; i < kLanes<float>; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

LAMELLA_INLINE Vector<double> square_root(Vector<double> x) {
#if defined(__AVX512F__)
  return (Vector<double>)_mm512_maskz_sqrt_pd(0xff, (__m512d)x);
#elif defined(__AVX2__)
  return (Vector<double>)_mm256_sqrt_pd((__m256d)x);
#elif defined(__SSE2__)
  return (Vector<double>)_mm_sqrt_pd((__m128d)x);
#elif defined(__aarch64__)
  return (Vector<double>)vsqrtq_f64((float64x2_t)x);
#else
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

// The larger and the smaller of x and a bound; NaN stays NaN (of x86's instructions, which give their second operand if
// either is NaN, as of ARM's, which give NaN).
LAMELLA_INLINE Vector<float> at_least(Vector<float> x, Vector<float> low) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_maskz_max_ps(0xffff, (__m512)low, (__m512)x);
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_max_ps((__m256)low, (__m256)x);
#elif defined(__SSE2__)
  return (Vector<float>)_mm_max_ps((__m128)low, (__m128)x);
#elif defined(__aarch64__)
  return (Vector<float>)vmaxq_f32((float32x4_t)x, (float32x4_t)low);
#else
  return x < low ? low : x;
#endif
}

LAMELLA_INLINE Vector<double> at_least(Vector<double> x, Vector<double> low) {
#if defined(__AVX512F__)
  return (Vector<double>)_mm512_maskz_max_pd(0xff, (__m512d)low, (__m512d)x);
#elif defined(__AVX2__)
  return (Vector<double>)_mm256_max_pd((__m256d)low, (__m256d)x);
#elif defined(__SSE2__)
  return (Vector<double>)_mm_max_pd((__m128d)low, (__m128d)x);
#elif defined(__aarch64__)
  return (Vector<double>)vmaxq_f64((float64x2_t)x, (float64x2_t)low);
#else
  return x < low ? low : x;
#endif
}

LAMELLA_INLINE Vector<float> at_most(Vector<float> x, Vector<float> high) {
#if defined(__AVX512F__)
  return (Vector<float>)_mm512_maskz_min_ps(0xffff, (__m512)high, (__m512)x);
#elif defined(__AVX2__)
  return (Vector<float>)_mm256_min_ps((__m256)high, (__m256)x);
#elif defined(__SSE2__)
  return (Vector<float>)_mm_min_ps((__m128)high, (__m128)x);
#elif defined(__aarch64__)
  return (Vector<float>)vminq_f32((float32x4_t)x, (float32x4_t)high);
#else
  return x > high ? high : x;
#endif
}

LAMELLA_INLINE Vector<double> at_most(Vector<double> x, Vector<double> high) {
#if defined(__AVX512F__)
  return (Vector<double>)_mm512_maskz_min_pd(0xff, (__m512d)high, (__m512d)x);
#elif defined(__AVX2__)
  return (Vector<double>)_mm256_min_pd((__m256d)high, (__m256d)x);
#elif defined(__SSE2__)
  return (Vector<double>)_mm_min_pd((__m128d)high, (__m128d)x);
#elif defined(__aarch64__)
  return (Vector<double>)vminq_f64((float64x2_t)x, (float64x2_t)high);
#else
  return x > high ? high : x;
#endif
}

template <typename V>
LAMELLA_INLINE V clamp(V x, V low, V high) {
  return at_most(at_least(x, low), high);
}

// |x| and -|x|.
template <typename T>
LAMELLA_INLINE Vector<T> absolute(Vector<T> x) {
  return (Vector<T>)((IntegerVector<T>)x & ~(IntegerVector<T>)splat(T(-0.0)));
}

template <typename T>
LAMELLA_INLINE Vector<T> negative(Vector<T> x) {
  return (Vector<T>)((IntegerVector<T>)x | (IntegerVector<T>)splat(T(-0.0)));
}

// v itself, but what made it is not fused into what follows. In a b + c d the compiler may fuse either product into the
// sum, and here choose the one and there, in another copy of the same code, the other.
template <typename T>
LAMELLA_INLINE Vector<T> rounded(Vector<T> v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
  return v;
}

// Lanes of a and b in one: `source` numbers a's from 0 and b's from kLanes on.
template <typename T, int... source>
LAMELLA_INLINE Vector<T> pick(Vector<T> a, Vector<T> b) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, source...);
#else
  return __builtin_shuffle(a, b, IntegerVector<T>{source...});
#endif
}

// Lanes half as far apart folded onto each other by f, until all have met in lane 0: always in the same order.
template <typename T, int size, typename F, int... I>
LAMELLA_INLINE Vector<T> fold(Vector<T> v, const F& f, Sequence<I...> lanes) {
  if constexpr (size > 0) {
    return fold<T, size / 2>(f(v, pick<T, (I ^ size)...>(v, v)), f, lanes);
  } else {
    return v;
  }
}

template <typename T>
LAMELLA_INLINE T sum(Vector<T> v) {
  const auto add = [](Vector<T> a, Vector<T> b) { return a + b; };
  return fold<T, kLanes<T> / 2>(v, add, typename MakeSequence<kLanes<T>>::Type{})[0];
}

template <typename T>
LAMELLA_INLINE T largest(Vector<T> v) {
  const auto larger = [](Vector<T> a, Vector<T> b) { return a > b ? a : b; };
  return fold<T, kLanes<T> / 2>(v, larger, typename MakeSequence<kLanes<T>>::Type{})[0];
}

// Swaps the off-diagonal blocks of 2 x 2 blocks of `size` in rows a and b (size rows apart).
template <typename T, int size, int... I>
LAMELLA_INLINE void swap_blocks(Vector<T>& a, Vector<T>& b, Sequence<I...>) {
  constexpr int lanes = kLanes<T>;
  const Vector<T> low = pick<T, ((I & size) ? lanes + I - size : I)...>(a, b);
  b = pick<T, ((I & size) ? lanes + I : I + size)...>(a, b);
  a = low;
}

// Low (`half` 0) or high (2) halves of each four lanes of a and b, interleaved.
template <typename T, int half, int... I>
LAMELLA_INLINE Vector<T> interleave(Vector<T> a, Vector<T> b, Sequence<I...>) {
  return pick<T, (I / 4 * 4 + half + I % 4 / 2 + (I % 2) * kLanes<T>)...>(a, b);
}

// Transposes a square of vectors, by halves; the last two steps, for lanes of 32 bits, by interleaving, which takes one
// instruction a vector where the last step alone would take two.
template <typename T, int size = kLanes<T> / 2>
LAMELLA_INLINE void transpose(Vector<T> (&rows)[kLanes<T>]) {
  constexpr typename MakeSequence<kLanes<T>>::Type lanes{};
  if constexpr (size == 2 && sizeof(T) == 4) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; i += 4) {
      const Vector<T> low01 = interleave<T, 0>(rows[i], rows[i + 1], lanes);
      const Vector<T> high01 = interleave<T, 2>(rows[i], rows[i + 1], lanes);
      const Vector<T> low23 = interleave<T, 0>(rows[i + 2], rows[i + 3], lanes);
      const Vector<T> high23 = interleave<T, 2>(rows[i + 2], rows[i + 3], lanes);
      rows[i] = low01, rows[i + 1] = low23, rows[i + 2] = high01, rows[i + 3] = high23;
      swap_blocks<T, 2>(rows[i], rows[i + 1], lanes);
      swap_blocks<T, 2>(rows[i + 2], rows[i + 3], lanes);
    }
  } else if constexpr (size > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) {
      if (!(i & size)) swap_blocks<T, size>(rows[i], rows[i + size], lanes);
    }
    transpose<T, size / 2>(rows);
  }
}

// out[i] = f(in[i]) over `count` elements: whole vectors, then once the rest.
template <typename T, typename F>
LAMELLA_INLINE void map(T* out, const T* in, Index count, const F& f) {
  Index i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store(out + i, f(load(in + i)));
  if (i < count) store_part(out + i, f(load_part(in + i, count - i)), count - i);
}

template <typename T, typename F>
LAMELLA_INLINE void map(T* out, const T* a, const T* b, Index count, const F& f) {
  Index i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store(out + i, f(load(a + i), load(b + i)));
  if (i < count) store_part(out + i, f(load_part(a + i, count - i), load_part(b + i, count - i)), count - i);
}

// The same for an f of many steps that wait for each other: several vectors at a time, so that the compiler can
// interleave their steps (CMakeLists.txt has it do so). A processor looks hardly further ahead than one vector's.
template <typename T, typename F, typename... In>
LAMELLA_INLINE void map_interleaved(T* out, Index count, const F& f, const In*... in) {
  constexpr int together = 4;
  Index i = 0;
  for (; i + together * kLanes<T> <= count; i += together * kLanes<T>) {
    Vector<T> y[together];
#pragma GCC unroll 4
    for (int v = 0; v < together; ++v) y[v] = f(load(in + i + v * kLanes<T>)...);
#pragma GCC unroll 4
    for (int v = 0; v < together; ++v) store(out + i + v * kLanes<T>, y[v]);
  }
  map(out + i, in + i..., count - i, f);
}

typedef std::uint32_t WordVector __attribute__((vector_size(kVectorBytes)));
typedef std::uint64_t LongVector __attribute__((vector_size(kVectorBytes)));

// Products of the low halves of 64-bit lanes.
LAMELLA_INLINE LongVector multiply_low(LongVector a, LongVector b) {
#if defined(__AVX512F__)
  return (LongVector)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (LongVector)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (LongVector)_mm_mul_epu32((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
  return (LongVector)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
  const LongVector low = LongVector{} + 0xffffffffu;
  return (a & low) * (b & low);
#endif
}

typedef std::uint16_t HalfVector __attribute__((vector_size(kVectorBytes)));

// Bit i: half word i of v (the low one of a word first) is at least `least`, which is below 65536.
LAMELLA_INLINE std::uint64_t halves_at_least(WordVector v, std::uint32_t least) {
  const HalfVector kept = (HalfVector)((HalfVector)v >= static_cast<std::uint16_t>(least));
#if defined(__AVX512BW__)
  return _mm512_movepi16_mask((__m512i)kept);
#elif defined(__AVX2__)
  const int bytes = _mm256_movemask_epi8(_mm256_packs_epi16((__m256i)kept, (__m256i)kept));
  return static_cast<std::uint64_t>((bytes & 0xff) | (bytes >> 8 & 0xff00));
#elif defined(__SSE2__)
  return static_cast<std::uint64_t>(_mm_movemask_epi8(_mm_packs_epi16((__m128i)kept, _mm_setzero_si128())));
#elif defined(__aarch64__)
  return vaddvq_u16(vandq_u16((uint16x8_t)kept, uint16x8_t{1, 2, 4, 8, 16, 32, 64, 128}));
#else
  std::uint64_t bits = 0;
  for (int i = 0; i < kVectorBytes / 2; ++i) bits |= static_cast<std::uint64_t>(kept[i] & 1) << i;
  return bits;
#endif
}

}  // namespace
}  // namespace lamella
