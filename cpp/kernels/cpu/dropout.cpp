#include "kernels/dropout.h"

#include "kernels/binder.h"
#include "kernels/cpu/random.h"

namespace lamella {
namespace {

constexpr Index kGroup = 64;         // elements that share a mask word
constexpr Index kGroupGrain = 1024;  // elements a thread takes at least

// Philox blocks drawn at once: two streams of even and odd ones, so that one's products hide the other's latency.
constexpr int kDrawn = 4 * kLongLanes;
constexpr int kDrawnGroups = kDrawn / 8;

// The least random half word that keeps an element in this step: 0 to 65536.
std::uint32_t draw_least(const DropoutHyper& hyper, std::uint32_t layer, std::uint32_t step) {
  const double scaled = hyper.p * 65536, down = __builtin_floor(scaled);
  const PhiloxBlock random = philox({{~0u, ~0u, layer, step}}, hyper.seed);
  return static_cast<std::uint32_t>(down) + (random.word[0] < (scaled - down) * 4294967296.0);
}

// Mask words of kDrawnGroups groups.
LAMELLA_INLINE void draw_groups(std::uint64_t* bits, Index group, std::uint32_t least, std::uint32_t layer,
                                std::uint32_t step, std::uint64_t key) {
  // Streams 2 i and 2 i + 1 hold the even and the odd blocks of 2 kLongLanes neighbours.
  Philox c[4];
  const auto first = static_cast<std::uint64_t>(group) * 8;
  LongVector lane;
  for (int i = 0; i < kLongLanes; ++i) lane[i] = static_cast<std::uint64_t>(2 * i);
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) {
    const LongVector block = lane + (first + static_cast<std::uint64_t>(s / 2 * 2 * kLongLanes + s % 2));
    c[s] = {{block, block >> 32, LongVector{} + layer, LongVector{} + step}};
  }
  philox_rounds(c, key);

  // Of 2 kLongLanes blocks, each word gives 4 kLongLanes neighbouring bits, of which 16 belong to a group.
  constexpr int width = 4 * kLongLanes;
  const LongVector low = LongVector{} + 0xffffffffu;
  for (int i = 0; i < kDrawnGroups; ++i) bits[i] = 0;
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w) {
      const LongVector merged = (c[2 * half].word[w] & low) | (c[2 * half + 1].word[w] << 32);
      const std::uint64_t kept = halves_at_least((WordVector)merged, least);
      for (int begin = 0; begin < width; begin += 16) {
        const int at = half * width + begin;  // of the bits that this word gives in all
        const std::uint64_t part = width < 16 ? kept : (kept >> begin & 0xffff);
        bits[at / 16] |= part << (16 * w + at % 16);
      }
    }
  }
}

template <typename T>
void dropout_mask(std::uint64_t* mask, Rows n, Dim width, const DropoutHyper& hyper, const Team& team) {
  const Span span = share(team, n.value * width.value, kGroupGrain);
  const auto layer = static_cast<std::uint32_t>(hyper.layer);
  const auto step = static_cast<std::uint32_t>(static_cast<std::uint64_t>(hyper.step));
  const std::uint32_t least = draw_least(hyper, layer, step);
  const Index end = (span.end + kGroup - 1) / kGroup;
  for (Index group = span.begin / kGroup; group < end; group += kDrawnGroups) {
    std::uint64_t bits[kDrawnGroups];
    draw_groups(bits, group, least, layer, step, hyper.seed);
    for (Index i = 0; i < kDrawnGroups && group + i < end; ++i) mask[group + i] = least > 65535 ? 0 : bits[i];
  }
}

// Bits [at, at + count) of the mask, count <= 16.
LAMELLA_INLINE std::uint32_t bits_at(const std::uint64_t* mask, Index at, Index count) {
  const std::uint64_t* const word = mask + at / kGroup;
  const int shift = static_cast<int>(at % kGroup);
  std::uint64_t bits = *word >> shift;
  if (shift + count > kGroup) bits |= word[1] << (kGroup - shift);
  return static_cast<std::uint32_t>(bits & 0xffff);
}

// out = scale in where the bit is set.
template <typename T>
LAMELLA_INLINE void apply_mask(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld,
                               T scale) {
  const auto* const mask = static_cast<const std::uint64_t*>(other);
  using Element = typename Simd<T>::IntegerElement;
  IntegerVector<T> lane = {};
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = Element{1} << i;
  for (Index i = 0; i < rows; ++i) {
    Index done = 0;
    const auto kept = [&](Vector<T> v, Index count) {
      const std::uint32_t bits = bits_at(mask, at + i * ld + done, count);
      const IntegerVector<T> here = (IntegerVector<T>{} + static_cast<Element>(bits)) & lane;
      return here != 0 ? v * scale : Vector<T>{};
    };
    const T* const from = in + i * ld;
    T* const to = out + i * ld;
    for (; done + kLanes<T> <= cols; done += kLanes<T>) store(to + done, kept(load(from + done), kLanes<T>));
    if (done < cols) {
      store_part(to + done, kept(load_part(from + done, cols - done), cols - done), cols - done);
    }
  }
}

template <typename T>
void dropout(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void* hyper) {
  const double p = static_cast<const DropoutHyper*>(hyper)->p;
  apply_mask(out, in, other, at, rows, cols, ld, p < 1 ? static_cast<T>(1 / (1 - p)) : T(0));
}

template <typename T>
void dropout_classic(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void*) {
  apply_mask(out, in, other, at, rows, cols, ld, T(1));
}

template <typename T>
void dropout_expected(T* out, const T* in, const void*, Index, Index rows, Index cols, Index ld, const void* hyper) {
  const T keep = static_cast<T>(1 - static_cast<const DropoutHyper*>(hyper)->p);
  for (Index i = 0; i < rows; ++i) map(out + i * ld, in + i * ld, cols, [&](Vector<T> x) { return x * keep; });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(dropout, LAMELLA_KERNEL(dropout_mask), LAMELLA_TILE(dropout, masked, DropoutHyper),
               LAMELLA_TILE(dropout_classic, masked, DropoutHyper),
               LAMELLA_TILE(dropout_expected, forward, DropoutHyper))
