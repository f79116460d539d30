#pragma once

#include "kernels/cpu/bf16.h"

// Products in bfloat16 by AMX. One instruction multiplies a tile of A, 16 rows of 32 terms, by one of B, 16 columns of
// 32 terms, and adds the products to 16 x 16 sums in float32: 16 times the multiply-adds of float32's vectors. So the
// time is in what feeds it: factors are rounded and put into tiles in one pass over them.

namespace lamella {
namespace {

constexpr Index kAmxRows = 16, kAmxTerms = 32;
constexpr Index kAmxTile = kAmxRows * kAmxTerms / 2;  // as many float32 take a tile's room, 16 rows of 64 bytes

// Pairs of neighbours in memory, of two vectors that lie there one after the other.
template <bool native, int... I>
LAMELLA_INLINE Pairs pair_neighbours(Vector<float> low, Vector<float> high, Sequence<I...>) {
#if defined(__AVX512F__)
  if constexpr (native) return round_both(low, high);
#endif
  return pair<false>(pick<float, 2 * I...>(low, high), pick<float, 2 * I + 1 ...>(low, high));
}

// One tile of 16 neighbours. Rows of it are the neighbours, each with its terms; or, with `of_pairs`, they are pairs of
// terms, each of all neighbours. `terms_apart`: neighbours lie side by side in the source, terms `stride` apart; else
// the other way round. `whole`: all 16 x 32 are there, elsewhere zeros fill up.
template <bool of_pairs, bool terms_apart, bool whole, bool native>
__attribute__((noinline)) void pack_squares(float* out, const float* in, Index stride, Index count, Index depth) {
  constexpr int lanes = kLanes<float>;
  const auto get = [](const float* from, Index used) __attribute__((always_inline)) {
    if (whole || used >= lanes) return load(from);
    return used > 0 ? load_part(from, used) : Vector<float>{};
  };
  for (int i0 = 0; i0 < kAmxRows; i0 += lanes) {
    for (int q0 = 0; q0 < kAmxRows; q0 += lanes) {
      Vector<float> square[lanes];  // as many neighbours and pairs as a vector has lanes
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) {
        if constexpr (terms_apart) {
          const Index p = 2 * (q0 + r);
          const float* const from = in + p * stride + i0;
          square[r] = (Vector<float>)pair<native>(get(from, p < depth ? count - i0 : 0),
                                                  get(from + stride, p + 1 < depth ? count - i0 : 0));
        } else {
          const Index p = 2 * q0, used = i0 + r < count ? depth - p : 0;
          const float* const from = in + (i0 + r) * stride + p;
          square[r] = (Vector<float>)pair_neighbours<native>(get(from, used), get(from + lanes, used - lanes),
                                                             typename MakeSequence<lanes>::Type{});
        }
      }
      if constexpr (terms_apart != of_pairs) transpose<float>(square);
      float* const to = of_pairs ? out + q0 * kAmxRows + i0 : out + i0 * kAmxRows + q0;
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) store(to + r * kAmxRows, square[r]);
    }
  }
}

template <bool of_pairs, bool terms_apart, bool native>
LAMELLA_INLINE void pack_tile(float* out, const float* in, Index stride, Index count, Index depth) {
  if (count >= kAmxRows && depth >= kAmxTerms) {
    pack_squares<of_pairs, terms_apart, true, native>(out, in, stride, count, depth);
  } else {
    pack_squares<of_pairs, terms_apart, false, native>(out, in, stride, count, depth);
  }
}

// Tiles of 16 neighbours out of `count`: those of the first 16 along all terms, then the next. The source is read as it
// lies.
template <bool of_pairs, bool native>
void pack_tiles(float* out, const float* in, Index along, Index across, Index count, Index depth) {
  const Index group = (depth + kAmxTerms - 1) / kAmxTerms * kAmxTile;  // the tiles of 16 neighbours
  if (along == 1) {
    for (Index p = 0; p < depth; p += kAmxTerms, out += kAmxTile, in += kAmxTerms * across) {
      for (Index i = 0; i < count; i += kAmxRows) {
        pack_tile<of_pairs, true, native>(out + i / kAmxRows * group, in + i, across, count - i, depth - p);
      }
    }
  } else {
    for (Index i = 0; i < count; i += kAmxRows, in += kAmxRows * along) {
      for (Index p = 0; p < depth; p += kAmxTerms, out += kAmxTile) {
        pack_tile<of_pairs, false, native>(out, in + p, along, count - i, depth - p);
      }
    }
  }
}

// sums += a b as the instruction does: of each element's 32 products the even ones are added up, and the odd ones, by
// fused multiply-adds; then both to the sum.
LAMELLA_INLINE void multiply_emulated(float* sums, Index ld, const float* a, const float* b) {
  constexpr int lanes = kLanes<float>, vectors = kAmxRows / lanes;
  for (Index i = 0; i < kAmxRows; ++i) {
    Vector<float> even[vectors] = {}, odd[vectors] = {};
    for (Index q = 0; q < kAmxRows; ++q) {
      const Pairs terms = (Pairs)splat(a[i * kAmxRows + q]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) {
        const Pairs column = (Pairs)load(b + q * kAmxRows + j * lanes);
        even[j] += (Vector<float>)(terms << 16) * (Vector<float>)(column << 16);
        odd[j] += (Vector<float>)(terms & ~0xffff) * (Vector<float>)(column & ~0xffff);
      }
    }
    for (int j = 0; j < vectors; ++j) {
      float* const at = sums + i * ld + j * lanes;
      store(at, load(at) + (even[j] + odd[j]));
    }
  }
}

#if defined(__AVX512F__)
// The tile registers, by number. In order: the compiler knows nothing of them.
template <int tile>
LAMELLA_INLINE void clear_tile() {
  asm volatile("tilezero {%%tmm%c0|tmm%c0}" : : "i"(tile));
}
template <int tile>
LAMELLA_INLINE void load_tile(const float* from) {
  asm volatile("tileloadd {(%1,%2,1), %%tmm%c0|tmm%c0, [%1+%2*1]}" : : "i"(tile), "r"(from), "r"(Index{64}) : "memory");
}
template <int tile>
LAMELLA_INLINE void store_tile(float* to, Index ld) {
  asm volatile("tilestored {%%tmm%c0, (%1,%2,1)|[%1+%2*1], tmm%c0}"
               :
               : "i"(tile), "r"(to), "r"(ld * Index{sizeof(float)})
               : "memory");
}
template <int sums, int a, int b>
LAMELLA_INLINE void add_tile_products() {
  asm volatile("tdpbf16ps {%%tmm%c2, %%tmm%c1, %%tmm%c0|tmm%c0, tmm%c1, tmm%c2}" : : "i"(sums), "i"(a), "i"(b));
}

// All eight tiles are 16 rows of 64 bytes.
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfiguration) == 64, "as the instruction reads it");
#endif

// While it lives this thread has tiles, whatever they were before; then none, so that nobody saves and restores them.
template <bool native>
struct TileUse {
  TileUse() {
#if defined(__AVX512F__)
    static constexpr TileConfiguration configuration;
    if constexpr (native) asm volatile("ldtilecfg %0" : : "m"(configuration));
#endif
  }
  ~TileUse() {
#if defined(__AVX512F__)
    if constexpr (native) asm volatile("tilerelease" : : : "memory");
#endif
  }
  TileUse(const TileUse&) = delete;
  TileUse& operator=(const TileUse&) = delete;
};

// C[rows, cols] (+)= A B of packed tiles: `tall` of A by `wide` of B. Two by two, each is loaded once for two products,
// and four chains of these hide their latency, 52 cycles where a new one may begin each 16.
template <int tall, int wide, bool native>
__attribute__((noinline)) void multiply_tiles(float* c, Index c_row, const float* a, const float* b, Index steps,
                                              Index rows, Index cols, const TileStore<float>& finish) {
  constexpr Index width = wide * kAmxRows;
  alignas(64) float sums[tall * kAmxRows * width];
  const Index group = steps * kAmxTile;
  if constexpr (native) {
#if defined(__AVX512F__)
    clear_tile<0>();
    if constexpr (wide == 2) clear_tile<1>();
    if constexpr (tall == 2) clear_tile<2>();
    if constexpr (tall == 2 && wide == 2) clear_tile<3>();
    for (Index step = 0; step < steps; ++step, a += kAmxTile, b += kAmxTile) {
      load_tile<4>(a);
      load_tile<6>(b);
      add_tile_products<0, 4, 6>();
      if constexpr (wide == 2) {
        load_tile<7>(b + group);
        add_tile_products<1, 4, 7>();
      }
      if constexpr (tall == 2) {
        load_tile<5>(a + group);
        add_tile_products<2, 5, 6>();
      }
      if constexpr (tall == 2 && wide == 2) add_tile_products<3, 5, 7>();
    }
    store_tile<0>(sums, width);
    if constexpr (wide == 2) store_tile<1>(sums + kAmxRows, width);
    if constexpr (tall == 2) store_tile<2>(sums + kAmxRows * width, width);
    if constexpr (tall == 2 && wide == 2) store_tile<3>(sums + kAmxRows * width + kAmxRows, width);
#endif
  } else {
    for (float& sum : sums) sum = 0;
    for (Index step = 0; step < steps; ++step, a += kAmxTile, b += kAmxTile) {
      for (int i = 0; i < tall; ++i) {
        for (int j = 0; j < wide; ++j) {
          multiply_emulated(sums + i * kAmxRows * width + j * kAmxRows, width, a + i * group, b + j * group);
        }
      }
    }
  }
  // Sums go to C by vectors, which know of its edges, bias and what it holds.
  constexpr Index lanes = kLanes<float>, together = 8;
  for (Index j = 0; j < cols; j += lanes) {
    const Index used = cols - j < lanes ? cols - j : lanes;
    const TileStore<float> store{finish.add, finish.bias && !finish.same ? finish.bias + j : finish.bias, finish.same};
    Index i = 0;
    for (; i + together <= rows; i += together) {
      Vector<float> some[together][1];
#pragma GCC unroll 8
      for (Index r = 0; r < together; ++r) some[r][0] = load(sums + (i + r) * width + j);
      finish_tile<float>(c + i * c_row + j, c_row, some, used, store);
    }
    for (; i < rows; ++i) {
      const Vector<float> one[1][1] = {{load(sums + i * width + j)}};
      finish_tile<float>(c + i * c_row + j, c_row, one, used, store);
    }
  }
}

// From so many terms on tiles are used. They take as long for one term as for 32, and to be cleared, stored and read
// again some 80 cycles for 16 x 32 sums, which AVX512-BF16 needs for four terms. Neither few rows nor few columns ask
// for it: there the time is in the packing of the other factor, which both do.
constexpr Index kAmxLeastTerms = 8;

// An arithmetic of product.h.
template <bool native>
struct Amx {
  static constexpr bool always_packs = true;
  static constexpr int rows = 2 * kAmxRows, cols = 2 * kAmxRows;
  // As many bytes as elsewhere. For every block all of C is read and written again, which products as fast as these do
  // not hide; and half of it would not bring the panels into L1 either, they come from L2.
  static constexpr Index block = 2 * kDepth<float>, grain = kAmxTerms;
  static constexpr Index term = 1;
  using Use = TileUse<native>;
  static constexpr Index panel(Index depth) { return round_up(depth, kAmxTerms) / 2; }
  static void pack_a(float* out, Matrix<float> a, Index count, Index depth) {
    constexpr bool of_pairs = false;
    pack_tiles<of_pairs, native>(out, a.data, a.row, a.col, count, depth);
  }
  static void pack_b(float* out, Matrix<float> b, Index count, Index depth) {
    constexpr bool of_pairs = true;
    pack_tiles<of_pairs, native>(out, b.data, b.col, b.row, count, depth);
  }
  static void multiply(Index tile_m, Index tile_n, bool, float* c, Index c_row, const float* a, Index, Index,
                       const float* b, Index, Index k, const TileStore<float>& finish) {
    const bool tall = tile_m > kAmxRows, wide = tile_n > kAmxRows;
    const auto tiles = tall ? (wide ? &multiply_tiles<2, 2, native> : &multiply_tiles<2, 1, native>)
                            : (wide ? &multiply_tiles<1, 2, native> : &multiply_tiles<1, 1, native>);
    tiles(c, c_row, a, b, (k + kAmxTerms - 1) / kAmxTerms, tile_m, tile_n, finish);
  }
};

}  // namespace
}  // namespace lamella
