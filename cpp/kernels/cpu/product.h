#pragma once

#include "kernels/binder.h"
#include "kernels/cpu/microkernel.h"

// Blocked, packed product C (+)= A B with fused bias and elementwise epilogue, shared by a team without barriers: each
// thread takes a rectangle of C.

namespace lamella {
namespace {

// A matrix read through two strides: transposing is swapping them.
template <typename T>
struct Matrix {
  const T* data;
  Index row, col;
};

template <typename T>
struct ProductTail {
  const T* bias = nullptr;  // (n), or one for all if same_bias
  bool same_bias = false;
  bool accumulate = false;
  Epilogue<T> epilogue = {nullptr, 0};
};

// Block sizes: a panel of A (kTileRows x depth) lives in L1, a block of B (depth x width) in L2. The block of A (height
// x depth) is large, as each one packs all of B anew.
template <typename T>
constexpr Index kDepth = 512 * 4 / sizeof(T);
template <typename T>
constexpr Index kWidth = kVectorBytes == 64 ? 352 / kTileCols<T> * kTileCols<T> : 96;
// Without packing, a row of tiles, which epilogues go over while it is in L1.
template <typename T>
constexpr Index kRowWidth = kVectorBytes == 64 ? kWidth<T> : 192;
constexpr Index kHeight = kTileRows * 150;
// Below this many rows of C a block of B is used too seldom to be worth packing.
constexpr Index kPackRows = 4 * kTileRows;
// Nor is a factor of this size, which lies in L1 as a whole. Neither is A where its rows are contiguous...
constexpr Index kUnpackedBytes = Index{32} << 10;
// ... unless these fall into one set of L1, which has 8 or 12 ways: a tile of more rows would find none of them there.
constexpr Index kL1Ways = 8, kL1Period = 4096;  // bytes from one line to the next in the same set
template <typename T>
LAMELLA_INLINE bool rows_collide(Matrix<T> a, Index rows) {
  const Index beyond = a.row * Index{sizeof(T)} + 8;  // by up to 8 bytes more or less than a whole number of periods
  return rows > kL1Ways && a.col == 1 && beyond >= kL1Period && beyond % kL1Period <= 16;
}

constexpr Index kPackSlack = 16;  // pack_across writes so far beyond its panels
// Rows of a matrix are often pages apart, which processors do not fetch ahead by themselves.
constexpr Index kFetchAhead = 8;
template <typename T>
constexpr Index kLine = 64 / sizeof(T);  // elements of a cache line
template <typename T>
constexpr bool kScratchFits = ((kHeight + kWidth<T>)*kDepth<T> + 2 * kPackSlack) * Index{sizeof(T)} <= kScratchBytes;

// Size of the equal pieces that cut `total` into as few as `limit` allows, a multiple of `grain`.
LAMELLA_INLINE Index even_piece(Index total, Index limit, Index grain) {
  if (total <= limit) return total;
  const Index pieces = (total + limit - 1) / limit;
  return ((total + pieces - 1) / pieces + grain - 1) / grain * grain;
}

// Panels whose rows are contiguous in the source: out[p * panel + i] = in[i + p * across]. Row by row, so that the
// source is read as it lies. Where the panel is no multiple of a vector, whole vectors reach into the next row, which
// mends what they wrote there; only the last row may not.
template <int panel, typename T>
void pack_along(T* out, const T* in, Index across, Index count, Index depth) {
  constexpr int lanes = kLanes<T>, rest = panel % lanes;
  const Index whole = count / panel * panel, used = count - whole;
  for (Index p = 0; p < depth; ++p, in += across, out += panel) {
    T* to = out;
    for (Index i = 0; i < count; i += kLine<T>) __builtin_prefetch(in + kFetchAhead * across + i);
    for (Index first = 0; first < whole; first += panel, to += panel * depth) {
#pragma GCC unroll 8
      for (int i = 0; i < panel / lanes; ++i) store(to + i * lanes, load(in + first + i * lanes));
      if constexpr (rest > 0) {
        T* const end = to + panel - rest;
        const T* const from = in + first + panel - rest;
        if (p + 1 < depth) {
          store(end, load(from));
        } else {
          store_part(end, load_part(from, rest), rest);
        }
      }
    }
    if (used > 0) {
      for (Index i = 0; i < panel; ++i) to[i] = i < used ? in[whole + i] : T(0);
    }
  }
}

// Panels whose columns are contiguous in the source: out[p * panel + i] = in[i * along + p], by squares of vectors
// transposed in registers, all of a row's cache line at once: it may be evicted soon, as many rows share their place in
// the cache. Writes up to a vector more than the panels hold.
template <int panel, typename T>
void pack_across(T* out, const T* in, Index along, Index count, Index depth) {
  constexpr int lanes = kLanes<T>, groups = (panel + lanes - 1) / lanes;
  for (Index first = 0; first < count; first += panel, out += panel * depth) {
    for (Index p0 = 0; p0 < depth; p0 += kLine<T>) {
      const Index end = depth - p0 < kLine<T> ? depth : p0 + kLine<T>;
      // The last group first: where the panel is no multiple of a vector, it reaches into the panel's next row, whose
      // first group then mends that.
      for (int g = groups - 1; g >= 0; --g) {
        const T* const from = in + (first + g * lanes) * along;
        const Index rows = count - first - g * lanes;
        for (Index p = p0; p < end; p += lanes) {
          T* const to = out + p * panel + g * lanes;
          Vector<T> square[lanes];
          if (rows >= lanes && end - p >= lanes) {
#pragma GCC unroll 16
            for (int i = 0; i < lanes; ++i) square[i] = load(from + i * along + p);
            transpose<T>(square);
#pragma GCC unroll 16
            for (int i = 0; i < lanes; ++i) store(to + i * panel, square[i]);
          } else {
            const Index block = end - p < lanes ? end - p : lanes;
            const auto get = [&](const T* at) { return block == lanes ? load(at) : load_part(at, block); };
            for (int i = 0; i < lanes; ++i) square[i] = i < rows ? get(from + i * along + p) : Vector<T>{};
            transpose<T>(square);
            for (Index i = 0; i < block; ++i) store(to + i * panel, square[i]);
          }
        }
      }
    }
  }
}

// Panels of `panel` neighbours, zero-padded: out[p * panel + i] = in[i * along + p * across]. One of the strides is 1.
template <int panel, typename T>
void pack(T* out, const T* in, Index along, Index across, Index count, Index depth) {
  if (along == 1) {
    pack_along<panel>(out, in, across, count, depth);
  } else {
    pack_across<panel>(out, in, along, count, depth);
  }
}

// Products as they are. Another arithmetic has the same members. One that always packs chooses what its panels hold, as
// its tiles read nothing else.
template <typename T>
struct Plain {
  static constexpr bool always_packs = false;
  static constexpr int rows = kTileRows, cols = kTileCols<T>;  // of a tile, and of the panels for it
  static constexpr Index block = kDepth<T>, grain = 8;         // blocks have so many terms at most, multiples of these
  static constexpr Index term = 16;  // what a multiply-add takes, where packing an element takes 64
  struct Use {};                     // lives while a thread multiplies
  // Elements that a row or column of a panel takes.
  static constexpr Index panel(Index depth) { return depth; }
  static void pack_a(T* out, Matrix<T> a, Index count, Index depth) {
    pack<rows>(out, a.data, a.row, a.col, count, depth);
  }
  static void pack_b(T* out, Matrix<T> b, Index count, Index depth) {
    pack<cols>(out, b.data, b.col, b.row, count, depth);
  }
  static void multiply(Index tile_m, Index tile_n, bool unit, T* c, Index c_row, const T* a, Index a_row, Index a_col,
                       const T* b, Index b_row, Index k, const TileStore<T>& finish) {
    tile_function<T>(tile_m, tile_n, unit)(c, c_row, a, a_row, a_col, b, b_row, k, tile_n, finish);
  }
};

// One thread's rectangle of C: rows [m0, m1), columns [n0, n1).
template <typename Arithmetic, typename T>
void multiply_rectangle(T* c, Index ldc, Matrix<T> a, Matrix<T> b, Span rows, Span cols, Index k,
                        const ProductTail<T>& tail, const Team& team) {
  static_assert(kScratchFits<T>, "blocks outgrow the scratch space");
  constexpr int panel_rows = Arithmetic::rows, tile_cols = Arithmetic::cols;
  [[maybe_unused]] const typename Arithmetic::Use use{};
  T* const packed_a = static_cast<T*>(team.scratch);
  T* const packed_b = packed_a + kHeight * kDepth<T> + kPackSlack;

  const Index m = rows.end - rows.begin, n = cols.end - cols.begin;
  // All choices hang on sizes of the operands, never on the number of threads... except which elements share a
  // rectangle, and no element's sum depends on that (see multiply_tile).
  const Index depth = even_piece(k, Arithmetic::block, Arithmetic::grain);
  const Index height = even_piece(m, kHeight / panel_rows * panel_rows, panel_rows);
  const bool pack_b =
      Arithmetic::always_packs || b.col != 1 || (m > kPackRows && k * b.row * Index{sizeof(T)} > kUnpackedBytes);
  const Index width = even_piece(n, pack_b ? kWidth<T> : kRowWidth<T>, tile_cols);
  bool pack_a =
      Arithmetic::always_packs || (n > 4 * tile_cols && a.col != 1 && k * a.col * Index{sizeof(T)} > kUnpackedBytes);
  if constexpr (kTileRows > kL1Ways) pack_a = pack_a || rows_collide(a, m);
  const Index tile_rows = n <= kLanes<T> ? kNarrowRows : panel_rows;

  Index done = 0;
  do {  // once even for k = 0, so that bias and epilogue are applied
    const Index block_k = k - done < depth ? k - done : depth;
    const Index panel = Arithmetic::panel(block_k);
    const bool last = done + block_k >= k;
    TileStore<T> finish{done > 0 || tail.accumulate, nullptr, tail.same_bias};
    for (Index i0 = rows.begin; i0 < rows.end; i0 += height) {
      const Index block_m = rows.end - i0 < height ? rows.end - i0 : height;
      const T* block_a = a.data + i0 * a.row + done * a.col;
      if (pack_a) Arithmetic::pack_a(packed_a, {block_a, a.row, a.col}, block_m, block_k);
      for (Index j0 = cols.begin; j0 < cols.end; j0 += width) {
        const Index block_n = cols.end - j0 < width ? cols.end - j0 : width;
        const T* block_b = b.data + done * b.row + j0 * b.col;
        if (pack_b) Arithmetic::pack_b(packed_b, {block_b, b.row, b.col}, block_n, block_k);
        // Tiles of even heights, as low ones have too few chains of multiply-adds; packed panels have one height.
        Index tiles = (block_m + tile_rows - 1) / tile_rows, tile_m = 0;
        for (Index i = 0; i < block_m; i += tile_m, --tiles) {
          tile_m = !pack_a ? (block_m - i + tiles - 1) / tiles : block_m - i < panel_rows ? block_m - i : panel_rows;
          for (Index j = 0; j < block_n; j += tile_cols) {
            const Index tile_n = block_n - j < tile_cols ? block_n - j : tile_cols;
            T* tile = c + (i0 + i) * ldc + j0 + j;
            if (last && tail.bias) finish.bias = tail.same_bias ? tail.bias : tail.bias + j0 + j;
            Arithmetic::multiply(tile_m, tile_n, pack_a || a.row == 1, tile, ldc,
                                 pack_a ? packed_a + i * panel : block_a + i * a.row, pack_a ? 1 : a.row,
                                 pack_a ? panel_rows : a.col, pack_b ? packed_b + j * panel : block_b + j,
                                 pack_b ? tile_cols : b.row, block_k, finish);
          }
          // Once a row of tiles, which is still in L1: a tile is too small for the loops of most elementwise ops.
          if (last) apply(tail.epilogue, c, (i0 + i) * ldc + j0, tile_m, block_n, ldc);
        }
      }
    }
    done += block_k;
  } while (done < k);
}

// So few rows of C are summed up in memory, a piece of so many columns at a time, which stays in L1.
constexpr Index kFewRows = 3;
template <typename T>
constexpr Index kRowPiece = 8192 / sizeof(T);

// Dot products of `rows` neighbouring rows of A with x. Each row's terms go to two sums of vectors in turn, whatever
// rows it is taken with.
template <int rows, typename T>
LAMELLA_INLINE void dot_rows(T* out, const T* a, Index ld, const T* x, Index k) {
  constexpr Index lanes = kLanes<T>;
  Vector<T> even[rows] = {}, odd[rows] = {};
  Index p = 0;
  for (; p + 2 * lanes <= k; p += 2 * lanes) {
    const Vector<T> x0 = load(x + p), x1 = load(x + p + lanes);
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
      even[i] += load(a + i * ld + p) * x0;
      odd[i] += load(a + i * ld + p + lanes) * x1;
    }
  }
  for (; p < k; p += lanes) {
    const Index used = k - p < lanes ? k - p : lanes;
    const auto get = [&](const T* from) { return used == lanes ? load(from) : load_part(from, used); };
    const Vector<T> rest = get(x + p);
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) even[i] += get(a + i * ld + p) * rest;
  }
  for (int i = 0; i < rows; ++i) out[i] = sum<T>(even[i] + odd[i]);
}

// From this depth on, adding up the lanes of a row's sums costs less than packing A does.
template <typename T>
constexpr Index kDotDepth = 6 * kLanes<T>;

// A product with one column, c (m) (+)= A (m, k) x (k), both factors contiguous along k.
template <typename T>
void multiply_column(T* c, const T* a, const T* x, Index m, Index k, const ProductTail<T>& tail, const Team& team) {
  const Span rows = share(team, m, kLanes<T>);
  for (Index i = rows.begin; i < rows.end; i += 4) {
    T sums[4];
    const Index count = rows.end - i < 4 ? rows.end - i : 4;
    if (count == 4) {
      dot_rows<4>(sums, a + i * k, k, x, k);
    } else {
      for (Index r = 0; r < count; ++r) dot_rows<1>(sums + r, a + (i + r) * k, k, x, k);
    }
    for (Index r = 0; r < count; ++r) {
      if (tail.accumulate) sums[r] += c[i + r];
      c[i + r] = tail.bias ? sums[r] + *tail.bias : sums[r];
    }
  }
  if (rows.begin < rows.end) apply(tail.epilogue, c, rows.begin, 1, rows.end - rows.begin, m);
}

// Adds `terms` rows of B, each times its element of A, to a row of sums in memory.
template <int terms, typename T>
LAMELLA_INLINE void add_rows(T* sums, const T* a, const T* b, Index b_row, Index cols) {
  Vector<T> factors[terms];  // once: as far as the compiler knows, stores to `sums` may change `a`
#pragma GCC unroll 8
  for (int p = 0; p < terms; ++p) factors[p] = splat(a[p]);
  const auto add = [&](Vector<T> total, auto get) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int p = 0; p < terms; ++p) total += factors[p] * get(b + p * b_row);
    return total;
  };
  Index j = 0;
  for (; j + kLanes<T> <= cols; j += kLanes<T>) {
    store(sums + j, add(load(sums + j), [&](const T* from) { return load(from + j); }));
  }
  if (j < cols) {
    const Index part = cols - j;
    store_part(sums + j, add(load_part(sums + j, part), [&](const T* from) { return load_part(from + j, part); }),
               part);
  }
}

// A product with few rows whose factors have contiguous rows. Tiles would read B in narrow strips, and each of them
// once; here B is read as it lies, and the sums go through memory, that is L1. Terms are added up as tiles do.
template <typename T>
void multiply_rows(T* c, const T* a, const T* b, Index m, Index n, Index k, const ProductTail<T>& tail,
                   const Team& team) {
  constexpr Index terms = 8;
  T* const sums = static_cast<T*>(team.scratch);  // (m, piece)
  const Span cols = share(team, n, kTileCols<T>);
  const Index depth = even_piece(k, kDepth<T>, 8);
  for (Index j = cols.begin; j < cols.end; j += kRowPiece<T>) {
    const Index piece = cols.end - j < kRowPiece<T> ? cols.end - j : kRowPiece<T>;
    Index done = 0;
    do {  // once even for k = 0, so that bias and epilogue are applied
      const Index end = k - done < depth ? k : done + depth;
      for (Index e = 0; e < m * piece; ++e) sums[e] = 0;
      Index p = done;
      for (; p + terms <= end; p += terms) {
        for (Index i = 0; i < m; ++i) add_rows<terms>(sums + i * piece, a + i * k + p, b + p * n + j, n, piece);
      }
      for (; p < end; ++p) {
        for (Index i = 0; i < m; ++i) add_rows<1>(sums + i * piece, a + i * k + p, b + p * n + j, n, piece);
      }
      for (Index i = 0; i < m; ++i) {
        T* const row = c + i * n + j;
        const auto plus = [](Vector<T> x, Vector<T> y) { return x + y; };
        if (done > 0 || tail.accumulate) {
          map(row, sums + i * piece, row, piece, plus);
        } else {
          map(row, sums + i * piece, piece, [](Vector<T> x) { return x; });
        }
        if (end < k || !tail.bias) continue;
        if (tail.same_bias) {
          map(row, row, piece, [&](Vector<T> x) { return x + splat(*tail.bias); });
        } else {
          map(row, row, tail.bias + j, piece, plus);
        }
      }
      done = end;
    } while (done < k);
    apply(tail.epilogue, c, j, m, piece, n);
  }
}

// C (m, n) (+)= A (m, k) B (k, n).
template <typename Arithmetic, typename T>
void multiply_by(T* c, Matrix<T> a, Matrix<T> b, Index m, Index n, Index k, const ProductTail<T>& tail,
                 const Team& team) {
  constexpr bool tiles_only = Arithmetic::always_packs;
  if (!tiles_only && n == 1 && k >= kDotDepth<T> && a.col == 1 && b.row == 1) {
    multiply_column(c, a.data, b.data, m, k, tail, team);
    return;
  }
  if (!tiles_only && m <= kFewRows && n > 1 && a.col == 1 && (m == 1 || a.row == k) && b.col == 1 && b.row == n) {
    multiply_rows(c, a.data, b.data, m, n, k, tail, team);
    return;
  }
  if (n == 1 && m > 1) {
    // A single column would use one lane of each vector. It lies in memory as a row does: C^T = B^T A^T.
    ProductTail<T> transposed = tail;
    transposed.same_bias = true;
    const Matrix<T> b_turned{b.data, b.col, b.row}, a_turned{a.data, a.col, a.row};
    multiply_by<Arithmetic>(c, b_turned, a_turned, 1, m, k, transposed, team);
    return;
  }
  // Cut C into down x across rectangles, one a thread: the cut whose largest rectangle, and then whose packing, is
  // least.
  constexpr Index tile_rows = Arithmetic::rows, tile_cols = Arithmetic::cols;
  Index best_down = 1, best_cost = -1;
  for (Index down = 1; down <= team.size; ++down) {
    if (team.size % down != 0) continue;
    const Index across = team.size / down;
    const Index piece_m = (round_up(m, tile_rows) / tile_rows + down - 1) / down * tile_rows;
    const Index piece_n = (round_up(n, tile_cols) / tile_cols + across - 1) / across * tile_cols;
    const Index cost = piece_m * piece_n * Arithmetic::term + 64 * (piece_m + piece_n);
    if (best_cost < 0 || cost < best_cost) {
      best_cost = cost;
      best_down = down;
    }
  }
  const Index across = team.size / best_down;
  const Team by_rows{static_cast<int>(team.rank / across), static_cast<int>(best_down), nullptr, team.scratch};
  const Team by_cols{static_cast<int>(team.rank % across), static_cast<int>(across), nullptr, team.scratch};
  const Span rows = share(by_rows, m, tile_rows), cols = share(by_cols, n, tile_cols);
  if (rows.begin < rows.end && cols.begin < cols.end) {
    multiply_rectangle<Arithmetic>(c, n, a, b, rows, cols, k, tail, team);
  }
}

template <typename T>
void multiply(T* c, Matrix<T> a, Matrix<T> b, Index m, Index n, Index k, const ProductTail<T>& tail, const Team& team) {
  multiply_by<Plain<T>>(c, a, b, m, n, k, tail, team);
}

}  // namespace
}  // namespace lamella
