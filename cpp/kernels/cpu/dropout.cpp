#include "kernels/dropout.h"

#include "core/philox.h"
#include "kernels/binder.h"
#include "kernels/cpu/simd.h"

namespace lamella {
namespace {

constexpr Index kGroup = 64;         // elements that share a mask word
constexpr Index kGroupGrain = 1024;  // elements a thread takes at least

struct PhiloxVectors {
  WordVector word[4];
};

// kWordLanes consecutive blocks of the stream, word by word; lane i of word j is word j of block first + i.
LAMELLA_INLINE PhiloxVectors philox_vectors(std::uint64_t first, std::uint32_t layer, std::uint32_t step,
                                            std::uint64_t key) {
  PhiloxVectors c;
  for (int i = 0; i < kWordLanes; ++i) c.word[0][i] = static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(i);
  // Groups are multiples of 16 blocks: the low word never wraps inside a vector.
  c.word[1] = WordVector{} + static_cast<std::uint32_t>(first >> 32);
  c.word[2] = WordVector{} + layer;
  c.word[3] = WordVector{} + step;
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  const WordVector m0 = WordVector{} + kPhiloxM0, m1 = WordVector{} + kPhiloxM1;
  const LongVector low = LongVector{} + 0xffffffffu;
#pragma GCC unroll 10
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const LongVector even0 = multiply_even(c.word[0], m0), even1 = multiply_even(c.word[2], m1);
    const LongVector odd0 = multiply_even((WordVector)((LongVector)c.word[0] >> 32), m0);
    const LongVector odd1 = multiply_even((WordVector)((LongVector)c.word[2] >> 32), m1);
    const WordVector low0 = (WordVector)((even0 & low) | (odd0 << 32));
    const WordVector low1 = (WordVector)((even1 & low) | (odd1 << 32));
    const WordVector high0 = (WordVector)((even0 >> 32) | (odd0 & ~low));
    const WordVector high1 = (WordVector)((even1 >> 32) | (odd1 & ~low));
    c = {{high1 ^ c.word[1] ^ k0, low1, high0 ^ c.word[3] ^ k1, low0}};
    k0 += kPhiloxW0;
    k1 += kPhiloxW1;
  }
  return c;
}

// Bit e: element 64 group + e is kept.
LAMELLA_INLINE std::uint64_t keep_bits(Index group, std::uint32_t threshold, const DropoutHyper& hyper) {
  std::uint64_t bits = 0;
  for (int first = 0; first < 16; first += kWordLanes) {
    const PhiloxVectors random =
        philox_vectors(static_cast<std::uint64_t>(group) * 16 + static_cast<std::uint64_t>(first),
                       static_cast<std::uint32_t>(hyper.layer),
                       static_cast<std::uint32_t>(static_cast<std::uint64_t>(hyper.step)), hyper.seed);
    for (int word = 0; word < 4; ++word) {
      const IntegerVector<float> kept = (IntegerVector<float>)(random.word[word] >= threshold);
      bits |= std::uint64_t{lane_bits(kept)} << (16 * word + first);
    }
  }
  return bits;
}

// out = scale * in where the bit is set, else 0, for up to 64 elements.
template <typename T>
LAMELLA_INLINE void apply_bits(T* out, const T* in, std::uint64_t bits, Index count, T scale) {
  using Element = typename Simd<T>::IntegerElement;
  IntegerVector<T> lane = {};
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = Element{1} << i;
  Index done = 0;
  const auto kept = [&](Vector<T> v) {
    const IntegerVector<T> here = (IntegerVector<T>{} + static_cast<Element>((bits >> done) & 0xffff)) & lane;
    return here != 0 ? v * scale : Vector<T>{};
  };
  for (; done + kLanes<T> <= count; done += kLanes<T>) store(out + done, kept(load(in + done)));
  if (done < count) store_part(out + done, kept(load_part(in + done, count - done)), count - done);
}

template <typename T>
T keep_scale(const DropoutHyper& hyper) {
  return hyper.p < 1 ? static_cast<T>(1 / (1 - hyper.p)) : T(0);
}

template <typename T>
void dropout_forward(T* y, std::uint64_t* mask, const T* x, Rows n, Dim width, const DropoutHyper& hyper,
                     const Team& team) {
  const Index total = n.value * width.value;
  const Span span = share(team, total, kGroupGrain);
  const double scaled = __builtin_ceil(hyper.p * 4294967296.0);  // words below it are dropped
  const bool some = scaled <= 4294967295.0;
  const auto threshold = static_cast<std::uint32_t>(some ? scaled : 0);
  const T scale = keep_scale<T>(hyper);
  for (Index e = span.begin; e < span.end; e += kGroup) {
    const std::uint64_t bits = some ? keep_bits(e / kGroup, threshold, hyper) : 0;
    mask[e / kGroup] = bits;
    apply_bits(y + e, x + e, bits, total - e < kGroup ? total - e : kGroup, scale);
  }
}

template <typename T>
void dropout_backward(T* dx, const T* dy, const std::uint64_t* mask, Rows n, Dim width, const DropoutHyper& hyper,
                      const Team& team) {
  const Index total = n.value * width.value;
  const Span span = share(team, total, kGroupGrain);
  const T scale = keep_scale<T>(hyper);
  for (Index e = span.begin; e < span.end; e += kGroup) {
    apply_bits(dx + e, dy + e, mask[e / kGroup], total - e < kGroup ? total - e : kGroup, scale);
  }
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(dropout, LAMELLA_KERNEL(dropout_forward), LAMELLA_KERNEL(dropout_backward))
