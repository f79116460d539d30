#pragma once

#include "kernels/binder.h"
#include "kernels/cpu/math.h"
#include "kernels/loss.h"

// What all losses share. Rows are shared among threads; each row's loss and score go to `partial`, and one thread adds
// those up in order. What the rows weigh together is needed before the first gradient, so every thread finds it itself.

namespace lamella {
namespace {

constexpr Index kRowGrain = 8;

// Ones in the lanes that a row's last, partial vector uses, zeros in the others.
template <typename T>
LAMELLA_INLINE Vector<T> lanes_used(Index part) {
  Vector<T> used = {};
  for (Index i = 0; i < part; ++i) used[i] = 1;
  return used;
}

// All ones in the lane of column `wanted`, if it is among the vector's that begins at column j.
template <typename T>
LAMELLA_INLINE IntegerVector<T> lane_of(Index wanted, Index j) {
  IntegerVector<T> lane;
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
  return lane == static_cast<typename Simd<T>::IntegerElement>(wanted - j);
}

// A vector of numbers that are stored as doubles.
template <typename T>
LAMELLA_INLINE Vector<T> load_doubles(const double* from) {
  Vector<T> v;
  for (int i = 0; i < kLanes<T>; ++i) v[i] = static_cast<T>(from[i]);
  return v;
}

// q^power for q in [0, 1]; 0^0 is 1. Numbers below the smallest normal one count as 0.
template <typename T>
LAMELLA_INLINE Vector<T> power_of_share(Vector<T> q, T power) {
  if (power == 0) return splat(T{1});
  const Vector<T> found = exp<T>(log<T>(q) * power);
  return q != q ? q : found;
}

LAMELLA_INLINE double inverse(double x) { return x > 0 ? 1 / x : 0; }

// Four sums, as one would wait for each addition.
template <typename F>
LAMELLA_INLINE double add_up(Index n, const F& term) {
  double sums[4] = {};
  for (Index i = 0; i < n; ++i) sums[i % 4] += term(i);
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// What the rows of a batch weigh together, in their loss and in their score.
struct Totals {
  double weight, scored;
};

template <typename T>
LAMELLA_INLINE Totals total_weights(const T* weight, Index n) {
  const double total =
      weight ? add_up(n, [&](Index i) { return static_cast<double>(weight[i]); }) : static_cast<double>(n);
  return {total, total};
}

template <typename T>
LAMELLA_INLINE Totals total_weights(const std::int32_t* target, const T* weight, const double* classes, Index n) {
  if (!weight && !classes) {
    Index count = 0;
    for (Index i = 0; i < n; ++i) count += target[i] >= 0;
    return {static_cast<double>(count), static_cast<double>(count)};
  }
  const auto counts = [&](Index i) { return target[i] < 0 ? 0.0 : weight ? static_cast<double>(weight[i]) : 1.0; };
  const double scored = add_up(n, counts);
  if (!classes) return {scored, scored};
  return {add_up(n, [&](Index i) { return target[i] < 0 ? 0.0 : counts(i) * classes[target[i]]; }), scored};
}

template <typename T>
LAMELLA_INLINE void reduce(LossResult* result, const T* partial, Index n, double loss_scale, double score_scale,
                           Totals totals, const Team& team) {
  wait(team);
  if (team.rank != 0) return;
  double loss[4] = {}, score[4] = {};
  for (Index i = 0; i < n; ++i) {
    loss[i % 4] += static_cast<double>(partial[2 * i]);
    score[i % 4] += static_cast<double>(partial[2 * i + 1]);
  }
  result->value = ((loss[0] + loss[2]) + (loss[1] + loss[3])) * loss_scale;
  result->score = ((score[0] + score[2]) + (score[1] + score[3])) * score_scale;
  result->weight = totals.weight;
  result->scored = totals.scored;
}

// The scale of a loss that is one number a row.
LAMELLA_INLINE double row_scale(const LossHyper& hyper, Totals totals) {
  return hyper.mean != 0 ? inverse(totals.weight) : 1.0;
}

template <typename T>
LAMELLA_INLINE void clear(T* row, Index count) {
  if (row) map(row, row, count, [](Vector<T>) { return Vector<T>{}; });
}

// Whether no class beats the label; of equal ones the first counts, as in argmax.
template <typename T>
LAMELLA_INLINE bool is_first(const T* row, Index label, T peak) {
  bool first = row[label] == peak;
  for (Index j = 0; first && j < label; ++j) first = row[j] != peak;
  return first;
}

// Rows as vectors, the last of them perhaps a part of one.
template <typename T>
struct Columns {
  Index width, whole, part;
  Vector<T> used;  // ones in the lanes of the last vector that a row has
};

template <typename T>
LAMELLA_INLINE Columns<T> columns_of(Index width) {
  const Index part = width % kLanes<T>;
  return {width, width - part, part, lanes_used<T>(part)};
}

// The vector at column j.
template <typename T>
LAMELLA_INLINE Vector<T> get(const Columns<T>& columns, const T* row, Index j, Vector<T> otherwise) {
  return j < columns.whole ? load(row + j) : (columns.used > 0 ? load_part(row + j, columns.part) : otherwise);
}

template <typename T>
LAMELLA_INLINE void put(const Columns<T>& columns, T* row, Index j, Vector<T> v) {
  if (j < columns.whole) {
    store(row + j, v);
  } else {
    store_part(row + j, v, columns.part);
  }
}

// v, with zeros in the lanes that a row does not have.
template <typename T>
LAMELLA_INLINE Vector<T> only_used(const Columns<T>& columns, Index j, Vector<T> v) {
  return j < columns.whole ? v : (columns.used > 0 ? v : Vector<T>{});
}

template <typename T>
LAMELLA_INLINE T peak_of(const Columns<T>& columns, const T* row) {
  const Vector<T> lowest = splat(-MathConstants<T>::infinity);
  Vector<T> most = lowest;
  for (Index j = 0; j < columns.width; j += kLanes<T>) {
    const Vector<T> v = get(columns, row, j, lowest);
    most = v > most ? v : most;
  }
  return largest<T>(most);
}

}  // namespace
}  // namespace lamella

// An entry for a loss, given the kernel of the type that its contract says.
#define LAMELLA_LOSS(name, kernel)                                \
  {#name,                                                         \
   {&Bound<static_cast<name<float>*>(&kernel<float>)>::launch,    \
    &Bound<static_cast<name<double>*>(&kernel<double>)>::launch}, \
   {},                                                            \
   Bound<static_cast<name<float>*>(&kernel<float>)>::signature}
