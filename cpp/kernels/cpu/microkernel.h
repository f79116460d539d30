#pragma once

#include "kernels/cpu/simd.h"

// The innermost loop of every product: a tile of C in registers, one row of B and one column of A a step.

namespace lamella {
namespace {

// Tile height and width by the register file: rows * vectors accumulators, `vectors` of B, one broadcast of A.
constexpr int kTileRows = kVectorRegisters == 32 ? 14 : 6;
constexpr int kTileVectors = 2;
// Tiles of a single vector may be taller: six chains of multiply-adds do not hide their latency.
constexpr int kNarrowRows = kVectorRegisters == 32 ? kTileRows : 2 * kTileRows;
template <typename T>
constexpr int kTileCols = kTileVectors * kLanes<T>;

// What happens to a tile before it is stored.
template <typename T>
struct TileStore {
  bool add;       // add what C holds (a later block of k, or an accumulated gradient)
  const T* bias;  // (columns of the tile) or null
  bool same;      // bias is one value for all columns
};

// Stores a tile of sums, with what is to be added to them.
template <typename T, int rows, int vectors>
LAMELLA_INLINE void finish_tile(T* c, Index c_row, const Vector<T> (&acc)[rows][vectors], Index cols,
                                const TileStore<T>& finish) {
  constexpr int lanes = kLanes<T>;
  const Index part = cols - (vectors - 1) * lanes;  // columns of the last vector
#pragma GCC unroll 2
  for (int j = 0; j < vectors; ++j) {
    const bool full = j < vectors - 1 || part == lanes;
    Vector<T> bias = {};
    if (finish.bias && finish.same) {
      bias = splat(*finish.bias);
    } else if (finish.bias) {
      bias = full ? load(finish.bias + j * lanes) : load_part(finish.bias + j * lanes, part);
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      T* at = c + i * c_row + j * lanes;
      Vector<T> value = acc[i][j];
      if (finish.add) value += full ? load(at) : load_part(at, part);
      if (finish.bias) value += bias;
      if (full) {
        store(at, value);
      } else {
        store_part(at, value, part);
      }
    }
  }
}

// C[rows, cols] (+)= A B. Element (i, p) of A is a[i * a_row + p * a_col]; row p of B starts at b + p * b_row. For
// every element the terms are added in the order of p, one fused multiply-add each, whatever tile it falls in: that is
// what makes results independent of how work is cut. (`finish` by reference: a copy on the stack, made by wide loads of
// what was just stored in parts, would wait for all earlier stores, that is for the tile before.)
//
// `unit`: a_row is 1, as in packed panels and transposed matrices, so that one pointer reaches the whole column.
template <typename T, int rows, int vectors, bool unit>
__attribute__((noinline)) void multiply_tile(T* c, Index c_row, const T* a, Index a_row, Index a_col, const T* b,
                                             Index b_row, Index k, Index cols, const TileStore<T>& finish) {
  constexpr int lanes = kLanes<T>;
  const bool whole = cols == vectors * lanes;
  const Index part = cols - (vectors - 1) * lanes;  // columns of the last vector

  Vector<T> acc[rows][vectors] = {};
  auto step = [&](const Vector<T>(&row)[vectors], const T* column) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const Vector<T> value = splat(column[unit ? i : i * a_row]);
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) acc[i][j] += value * row[j];
    }
  };
  if (whole || b_row == kTileCols<T>) {  // whole vectors may be read: a full tile, or a packed, padded panel
#pragma GCC unroll 4
    for (Index p = 0; p < k; ++p) {
      Vector<T> row[vectors];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) row[j] = load(b + p * b_row + j * lanes);
      step(row, a + p * a_col);
    }
  } else {
    for (Index p = 0; p < k; ++p) {
      Vector<T> row[vectors];
#pragma GCC unroll 2
      for (int j = 0; j < vectors - 1; ++j) row[j] = load(b + p * b_row + j * lanes);
      row[vectors - 1] = part == lanes ? load(b + p * b_row + (vectors - 1) * lanes)
                                       : load_part(b + p * b_row + (vectors - 1) * lanes, part);
      step(row, a + p * a_col);
    }
  }

  finish_tile<T>(c, c_row, acc, cols, finish);
}

template <typename T>
using TileFunction = void (*)(T*, Index, const T*, Index, Index, const T*, Index, Index, Index, const TileStore<T>&);

template <typename T, int vectors, bool unit, int... row>
TileFunction<T> pick_tile_function(Index rows, Sequence<row...>) {
  static constexpr TileFunction<T> table[] = {&multiply_tile<T, row + 1, vectors, unit>...};
  return table[rows - 1];
}

// The tile function for 1..kTileRows rows and 1..kTileCols columns, or 1..kNarrowRows rows of a single vector.
template <typename T>
TileFunction<T> tile_function(Index rows, Index cols, bool unit) {
  constexpr typename MakeSequence<kTileRows>::Type wide{};
  constexpr typename MakeSequence<kNarrowRows>::Type narrow{};
  if (cols > kLanes<T>) {
    return unit ? pick_tile_function<T, 2, true>(rows, wide) : pick_tile_function<T, 2, false>(rows, wide);
  }
  return unit ? pick_tile_function<T, 1, true>(rows, narrow) : pick_tile_function<T, 1, false>(rows, narrow);
}

}  // namespace
}  // namespace lamella
