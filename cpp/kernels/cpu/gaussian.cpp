#include "kernels/gaussian.h"

#include "kernels/binder.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/random.h"

namespace lamella {
namespace {

constexpr Index kGroup = 64;         // elements of sixteen blocks
constexpr Index kBlocks = 16;        // of a group
constexpr Index kGroupGrain = 1024;  // elements a thread takes at least

// Words of kLanes<T> neighbouring blocks, a lane a block: 32 bits in lanes of T's size.
template <typename T>
struct Words;
template <>
struct Words<float> {
  WordVector word[4];
};
template <>
struct Words<double> {
  LongVector word[4];
};

LAMELLA_INLINE LongVector numbers_from(std::uint64_t first, std::uint64_t step) {
  LongVector v;
  for (int i = 0; i < kLongLanes; ++i) v[i] = first + step * static_cast<std::uint64_t>(i);
  return v;
}

LAMELLA_INLINE Philox counter_of(LongVector block, const GaussianHyper& hyper) {
  const auto step = static_cast<std::uint32_t>(static_cast<std::uint64_t>(hyper.step));
  return {{block, block >> 32, LongVector{} + static_cast<std::uint32_t>(hyper.layer), LongVector{} + step}};
}

LAMELLA_INLINE void draw(Words<float>& words, std::uint64_t first, const GaussianHyper& hyper) {
  Philox c[2] = {counter_of(numbers_from(first, 2), hyper), counter_of(numbers_from(first + 1, 2), hyper)};
  philox_rounds(c, hyper.seed);
  const LongVector low = LongVector{} + 0xffffffffu;
  for (int w = 0; w < 4; ++w) words.word[w] = (WordVector)((c[0].word[w] & low) | (c[1].word[w] << 32));
}

LAMELLA_INLINE void draw(Words<double>& words, std::uint64_t first, const GaussianHyper& hyper) {
  Philox c[1] = {counter_of(numbers_from(first, 1), hyper)};
  philox_rounds(c, hyper.seed);
  const LongVector low = LongVector{} + 0xffffffffu;
  for (int w = 0; w < 4; ++w) words.word[w] = c[0].word[w] & low;
}

// Sine and cosine of 2 pi w / 2^32: of the distance to the nearest quarter turn, which is exact, by series; turned.
template <typename T, typename Word>
LAMELLA_INLINE SineCosine<T> turn(Word w) {
  const Word eighth = Word{} + (1u << 29), low = Word{} + 0xffffffffu;
  const Word shifted = (w + eighth) & low;
  const IntegerVector<T> quarter = (IntegerVector<T>)(shifted >> 30);
  const IntegerVector<T> rest = (IntegerVector<T>)(shifted & 0x3fffffffu) - (1 << 29);
  constexpr double unit = 1.57079632679489661923 / (1 << 30);  // radians
  const SineCosine<T> found = sine_cosine_inside<T>(__builtin_convertvector(rest, Vector<T>) * static_cast<T>(unit));
  const Vector<T> sine = (quarter & 1) != 0 ? found.cosine : found.sine;
  const Vector<T> cosine = (quarter & 1) != 0 ? found.sine : found.cosine;
  return {(quarter & 2) != 0 ? -sine : sine, ((quarter + 1) & 2) != 0 ? -cosine : cosine};
}

template <typename T, typename Word>
LAMELLA_INLINE Vector<T> radius(Word w) {
  constexpr T unit = static_cast<T>(1.0 / 2147483648.0);
  const Vector<T> whole = __builtin_convertvector((IntegerVector<T>)(w >> 1), Vector<T>);
  return square_root(log_positive<T>(whole * unit + unit / 2) * -2);
}

template <typename T>
void gaussian(T* out, Rows n, Dim width, const GaussianHyper& hyper, const Team& team) {
  const Span span = share(team, n.value * width.value, kGroupGrain);
  const T mean = static_cast<T>(hyper.mean), deviation = static_cast<T>(hyper.deviation);
  for (Index begin = span.begin; begin < span.end; begin += kGroup) {
    for (Index block = 0; block < kBlocks; block += kLanes<T>) {
      Words<T> words;
      draw(words, static_cast<std::uint64_t>(begin / kGroup * kBlocks + block), hyper);
#pragma GCC unroll 2
      for (int pair = 0; pair < 2; ++pair) {
        const Vector<T> r = radius<T>(words.word[2 * pair]);
        const SineCosine<T> direction = turn<T>(words.word[2 * pair + 1]);
        const Vector<T> deviates[2] = {rounded<T>(r * direction.cosine), rounded<T>(r * direction.sine)};
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) {
          const Index at = begin + kBlocks * (2 * pair + i) + block, left = span.end - at;
          const Vector<T> result = deviates[i] * deviation + mean;
          if (left >= kLanes<T>) {
            store(out + at, result);
          } else if (left > 0) {
            store_part(out + at, result, left);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(gaussian, LAMELLA_KERNEL(gaussian))
