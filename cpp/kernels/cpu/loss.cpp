#include "kernels/loss.h"

#include "kernels/binder.h"
#include "kernels/cpu/math.h"

// Rows are shared among threads; each row's loss and score go to `partial`, and one thread adds those up in order.

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

template <typename T>
LAMELLA_INLINE void reduce(LossResult* result, const T* partial, Index n, double loss_scale, double score_scale,
                           const Team& team) {
  wait(team);
  if (team.rank != 0) return;
  double loss[4] = {}, score[4] = {};
  for (Index i = 0; i < n; ++i) {
    loss[i % 4] += static_cast<double>(partial[2 * i]);
    score[i % 4] += static_cast<double>(partial[2 * i + 1]);
  }
  result->value = ((loss[0] + loss[2]) + (loss[1] + loss[3])) * loss_scale;
  result->score = ((score[0] + score[2]) + (score[1] + score[3])) * score_scale;
}

template <typename T>
void cross_entropy(T* dz, LossResult* result, T* partial, const T* z, const std::int32_t* target, Rows n, Dim classes,
                   const LossHyper& hyper, const Team& team) {
  using V = Vector<T>;
  constexpr Index lanes = kLanes<T>;
  const Index width = classes.value, whole = width / lanes * lanes, part = width - whole;
  const double scale = hyper.mean != 0 ? 1.0 / static_cast<double>(n.value) : 1.0;
  const V lowest = splat(-MathConstants<T>::infinity);
  const V used_lanes = lanes_used<T>(part);

  const auto get = [&](const T* row, Index j, V otherwise) {  // the vector at column j
    return j < whole ? load(row + j) : (used_lanes > 0 ? load_part(row + j, part) : otherwise);
  };
  const auto put = [&](T* row, Index j, V v) {
    if (j < whole) {
      store(row + j, v);
    } else {
      store_part(row + j, v, part);
    }
  };
  // e^(z - peak) of a row is kept here until its sum is known, or in dz if it is longer.
  constexpr Index held = 4;
  const bool narrow = width <= held * lanes;

  const Span rows = share(team, n.value, kRowGrain);
  for (Index first = rows.begin; first < rows.end; first += lanes) {
    const Index count = rows.end - first < lanes ? rows.end - first : lanes;
    T normalisers[lanes], away[lanes];
    for (Index r = 0; r < lanes; ++r) normalisers[r] = 1;
    for (Index r = 0; r < count; ++r) {
      const Index i = first + r, label = target[i];
      const T* const row = z + i * width;
      T* const out = dz ? dz + i * width : nullptr;
      V most = lowest;
      for (Index j = 0; j < width; j += lanes) {
        const V v = get(row, j, lowest);
        most = v > most ? v : most;
      }
      const T peak = largest<T>(most);

      V kept[held], total = {};
      for (Index j = 0; j < width; j += lanes) {
        const V e = exp<T>(get(row, j, lowest) - peak);
        total += e;
        if (narrow) {
          kept[j / lanes] = e;
        } else if (out) {
          put(out, j, e);
        }
      }
      normalisers[r] = sum<T>(total);
      away[r] = peak - row[label];
      // Right if no class beats the label; of equal logits the first counts, as in argmax.
      bool right = row[label] == peak;
      for (Index j = 0; right && j < label; ++j) right = row[j] != peak;
      partial[2 * i + 1] = right ? 1 : 0;
      if (!out) continue;
      const V factor = splat(static_cast<T>(scale) / normalisers[r]);
      if (narrow) {
        for (Index j = 0; j < width; j += lanes) put(out, j, kept[j / lanes] * factor);
      } else {
        map(out, out, width, [&](V e) { return e * factor; });
      }
      out[label] -= static_cast<T>(scale);
    }
    const V all = load(normalisers), logs = log_positive<T>(all);
    const V found = all == all ? logs : all;  // log_positive is for numbers only: NaN must stay NaN
    for (Index r = 0; r < count; ++r) partial[2 * (first + r)] = found[r] + away[r];
  }
  reduce(result, partial, n.value, scale, 1.0 / static_cast<double>(n.value), team);
}

// A loss of each cell by itself: f(z, t) gives {loss, d loss / dz, score} as vectors.
template <typename T, typename F>
LAMELLA_INLINE void cellwise(T* dz, LossResult* result, T* partial, const T* z, const T* target, Index n, Index width,
                             const LossHyper& hyper, const Team& team, const F& f) {
  using V = Vector<T>;
  constexpr Index lanes = kLanes<T>;
  const double cells = static_cast<double>(n) * static_cast<double>(width);
  const double scale = hyper.mean != 0 ? 1.0 / cells : 1.0;
  const Span rows = share(team, n, kRowGrain);
  const V used_lanes = lanes_used<T>(width % lanes);
  for (Index i = rows.begin; i < rows.end; ++i) {
    const T *row = z + i * width, *aim = target + i * width;
    V loss = {}, score = {};
    for (Index j = 0; j < width; j += lanes) {
      const Index used = width - j < lanes ? width - j : lanes;
      const bool whole = used == lanes;
      V cell_loss, slope, cell_score;
      f(whole ? load(row + j) : load_part(row + j, used), whole ? load(aim + j) : load_part(aim + j, used), cell_loss,
        slope, cell_score);
      if (!whole) {
        cell_loss = used_lanes > 0 ? cell_loss : V{};
        cell_score = used_lanes > 0 ? cell_score : V{};
      }
      loss += cell_loss;
      score += cell_score;
      if (dz) {
        slope *= static_cast<T>(scale);
        if (whole) {
          store(dz + i * width + j, slope);
        } else {
          store_part(dz + i * width + j, slope, used);
        }
      }
    }
    partial[2 * i] = sum<T>(loss);
    partial[2 * i + 1] = sum<T>(score);
  }
  reduce(result, partial, n, scale, 1.0 / cells, team);
}

template <typename T>
void binary_cross_entropy(T* dz, LossResult* result, T* partial, const T* z, const T* target, Rows n, Dim width,
                          const LossHyper& hyper, const Team& team) {
  using V = Vector<T>;
  cellwise(dz, result, partial, z, target, n.value, width.value, hyper, team,
           [](V v, V t, V& loss, V& slope, V& score) {
             const V zero = {}, one = zero + 1;
             const V away = v < 0 ? v : -v;  // -|z|
             loss = (v > 0 ? v : zero) - v * t + log1p_positive<T>(exp<T>(away));
             loss = v != v ? v : loss;
             slope = logistic<T>(v) - t;
             score = (v > 0 ? one : zero) == (t > static_cast<T>(0.5) ? one : zero) ? one : zero;
           });
}

template <typename T>
void squared_error(T* dz, LossResult* result, T* partial, const T* z, const T* target, Rows n, Dim width,
                   const LossHyper& hyper, const Team& team) {
  using V = Vector<T>;
  cellwise(dz, result, partial, z, target, n.value, width.value, hyper, team,
           [](V v, V t, V& loss, V& slope, V& score) {
             const V miss = v - t;
             loss = score = miss * miss;
             slope = miss * 2;
           });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(loss, LAMELLA_KERNEL(cross_entropy), LAMELLA_KERNEL(binary_cross_entropy), LAMELLA_KERNEL(squared_error))
