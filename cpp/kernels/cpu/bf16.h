#pragma once

#include "kernels/cpu/product.h"

// Products in bfloat16. Two neighbours along k share a lane: the earlier one in its low half. AVX512-BF16 multiplies
// such pairs and adds them to a float32 in one instruction, twice the multiply-adds of float32.

namespace lamella {
namespace {

using Pairs = IntegerVector<float>;

// Instructions of AVX512-BF16 and AMX are in the units for AVX-512 alone, by assembler: all else in these must run
// where there are none.
constexpr bool kHasNative = kVectorBytes == 64;

// float32 to bfloat16 in the high halves as the instructions do it: ties to even, NaN stays NaN, and numbers below the
// smallest normal one are zero.
LAMELLA_INLINE Pairs round_to_bf16(Vector<float> v) {
  const Pairs bits = (Pairs)v;
  const WordVector nearest = (WordVector)bits + 0x7fffu + (((WordVector)bits >> 16) & 1u);
  const Pairs rounded = (v == v ? (Pairs)nearest : bits | 0x00400000) & ~0xffff;
  return absolute<float>(v) < splat(0x1p-126f) ? bits & (Pairs)splat(-0.0f) : rounded;
}

#if defined(__AVX512F__)
LAMELLA_INLINE __m256i round_halves(Vector<float> v) {
  __m256i halves;
  asm("vcvtneps2bf16 {%1, %0|%0, %1}" : "=v"(halves) : "v"(v));
  return halves;
}

// Halves in order: those of `low`, then those of `high`, rounded. (One instruction for both, vcvtne2ps2bf16, has never
// been run: Bochs 3.0, the emulator at hand, computes it wrongly.)
LAMELLA_INLINE Pairs round_both(Vector<float> low, Vector<float> high) {
  return (Pairs)_mm512_maskz_inserti64x4(0xff, _mm512_castsi256_si512(round_halves(low)), round_halves(high), 1);
}

template <int... I>
LAMELLA_INLINE Pairs interleave_halves(Pairs halves, Sequence<I...>) {
  constexpr Pairs order = {(I | (I + kLanes<float>) << 16)...};
  return (Pairs)_mm512_maskz_permutexvar_epi16(0xffffffffu, (__m512i)order, (__m512i)halves);
}
#endif

// Pairs of what two vectors have in the same lane.
template <bool native>
LAMELLA_INLINE Pairs pair(Vector<float> earlier, Vector<float> later) {
#if defined(__AVX512F__)
  if constexpr (native) {
    return interleave_halves(round_both(earlier, later), typename MakeSequence<kLanes<float>>::Type{});
  }
#endif
  return (Pairs)((WordVector)round_to_bf16(earlier) >> 16) | round_to_bf16(later);
}

// Panels of pack() become panels of pairs, in place: row p of a panel has terms 2p and 2p + 1.
template <int panel, bool native>
void round_panels(float* packed, Index count, Index depth) {
  constexpr int lanes = kLanes<float>, last = (panel - 1) / lanes * lanes;
  for (Index first = 0; first < count; first += panel, packed += panel * depth) {
    for (Index p = 0; p < depth; p += 2) {
      const float* const earlier = packed + p * panel;
      const float* const later = earlier + panel;
      float* const out = packed + p / 2 * panel;
      const bool whole = p + 1 < depth;
#pragma GCC unroll 8
      for (int i = 0; i < last; i += lanes) {
        store(out + i, (Vector<float>)pair<native>(load(earlier + i), whole ? load(later + i) : Vector<float>{}));
      }
      constexpr int rest = panel - last;
      const auto get = [](const float* from) { return rest == lanes ? load(from) : load_part(from, rest); };
      const Pairs end = pair<native>(get(earlier + last), whole ? get(later + last) : Vector<float>{});
      if constexpr (rest == lanes) {
        store(out + last, (Vector<float>)end);
      } else {
        store_part(out + last, (Vector<float>)end, rest);
      }
    }
  }
}

// sums += a b, pair by pair, the later term first as the instruction does.
template <bool native>
LAMELLA_INLINE void add_products(Vector<float>& sums, Pairs a, Pairs b) {
#if defined(__AVX512F__)
  if constexpr (native) {
    asm("vdpbf16ps {%2, %1, %0|%0, %1, %2}" : "+v"(sums) : "v"(a), "v"(b));
    return;
  }
#endif
  sums += (Vector<float>)(a & ~0xffff) * (Vector<float>)(b & ~0xffff);
  sums += (Vector<float>)(a << 16) * (Vector<float>)(b << 16);
}

// multiply_tile on packed panels of pairs, which arrive as what they were made of.
template <int rows, int vectors, bool native>
__attribute__((noinline)) void multiply_pairs(float* c, Index c_row, const float* a, Index, Index a_col, const float* b,
                                              Index b_row, Index k, Index cols, const TileStore<float>& finish) {
  constexpr int lanes = kLanes<float>;
  Vector<float> acc[rows][vectors] = {};
  for (Index p = 0; p < k; p += 2, a += a_col, b += b_row) {
    Pairs row[vectors];
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) row[j] = (Pairs)load(b + j * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const Pairs value = (Pairs)splat(a[i]);
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) add_products<native>(acc[i][j], value, row[j]);
    }
  }
  finish_tile<float>(c, c_row, acc, cols, finish);
}

template <int vectors, bool native, int... row>
TileFunction<float> pick_pairs_function(Index rows, Sequence<row...>) {
  static constexpr TileFunction<float> table[] = {&multiply_pairs<row + 1, vectors, native>...};
  return table[rows - 1];
}

// An arithmetic of product.h.
template <bool native>
struct Bf16 : Plain<float> {
  static constexpr bool always_packs = true;
  static constexpr Index term = 8;
  static void pack_a(float* out, Matrix<float> a, Index count, Index depth) {
    Plain<float>::pack_a(out, a, count, depth);
    round_panels<rows, native>(out, count, depth);
  }
  static void pack_b(float* out, Matrix<float> b, Index count, Index depth) {
    Plain<float>::pack_b(out, b, count, depth);
    round_panels<cols, native>(out, count, depth);
  }
  static void multiply(Index tile_m, Index tile_n, bool, float* c, Index c_row, const float* a, Index a_row,
                       Index a_col, const float* b, Index b_row, Index k, const TileStore<float>& finish) {
    constexpr typename MakeSequence<kTileRows>::Type heights{};
    const TileFunction<float> tile = tile_n > kLanes<float> ? pick_pairs_function<2, native>(tile_m, heights)
                                                            : pick_pairs_function<1, native>(tile_m, heights);
    tile(c, c_row, a, a_row, a_col, b, b_row, k, tile_n, finish);
  }
};

}  // namespace
}  // namespace lamella
