#include "kernels/cpu/loss.h"

// Losses of a row's softmax. Logs of several rows' normalisers are taken at once.

namespace lamella {
namespace {

// e^(z - peak) of a row: kept here until their sum is known, or in the row's gradient if it is longer.
template <typename T>
struct Exponentials {
  static constexpr Index held = 4;
  Vector<T> kept[held];
  T peak, total;
};

template <typename T>
LAMELLA_INLINE bool is_narrow(const Columns<T>& layout) {
  return layout.width <= Exponentials<T>::held * kLanes<T>;
}

template <typename T>
LAMELLA_INLINE void exponentiate(Exponentials<T>& found, const Columns<T>& layout, const T* row, T* out) {
  using V = Vector<T>;
  const V lowest = splat(-MathConstants<T>::infinity);
  found.peak = peak_of(layout, row);
  V total = {};
  for (Index j = 0; j < layout.width; j += kLanes<T>) {
    const V e = exp_below<T>(get(layout, row, j, lowest) - found.peak);
    total += e;
    if (is_narrow(layout)) {
      found.kept[j / kLanes<T>] = e;
    } else if (out) {
      put(layout, out, j, e);
    }
  }
  found.total = sum<T>(total);
}

// What row(i, r) leaves of the r-th of some rows that are taken together.
template <typename T>
struct Block {
  T totals[kLanes<T>], away[kLanes<T>];  // normaliser, and a number of the loss's own
};

// Calls row(block, i, r) for this thread's rows, and finish(block, first, count, logs of the totals) for some at once.
template <typename T, typename Row, typename Finish>
LAMELLA_INLINE void rows_at_once(const Team& team, Index n, const Row& row, const Finish& finish) {
  constexpr Index lanes = kLanes<T>;
  const Span rows = share(team, n, kRowGrain);
  for (Index first = rows.begin; first < rows.end; first += lanes) {
    const Index count = rows.end - first < lanes ? rows.end - first : lanes;
    Block<T> block;
    for (Index r = 0; r < lanes; ++r) {
      block.totals[r] = 1;
      block.away[r] = 0;
    }
    for (Index r = 0; r < count; ++r) row(block, first + r, r);
    const Vector<T> all = load(block.totals), logs = log_positive<T>(all);
    finish(block, first, count, all == all ? logs : all);  // log_positive is for numbers only: NaN must stay NaN
  }
}

// What a row is to be: `spike` at its label, and beside that `spread(i, j)` at the columns from j on, if anything.
template <typename T>
struct Aim {
  Index label;  // the class that the score asks for; negative: the row does not count
  T spike;
};

// sum_c t_c (log(sum_j e^z_j) - z_c), t the aim.
template <typename T, typename Of, typename Spread>
LAMELLA_INLINE void entropy_rows(T* dz, LossResult* result, T* losses, T* partial, const T* z, const T* weight, Index n,
                                 Index width, double scale, Totals totals, const Team& team, const Of& aim_of,
                                 bool spreads, const Spread& spread) {
  using V = Vector<T>;
  constexpr Index lanes = kLanes<T>;
  const Columns<T> layout = columns_of<T>(width);
  const bool narrow = is_narrow(layout);
  T mass[lanes], counts[lanes];
  const auto row = [&](Block<T>& block, Index i, Index r) {
    const T* const own = z + i * width;
    T* const out = dz ? dz + i * width : nullptr;
    const Aim<T> aim = aim_of(i);
    counts[r] = weight ? weight[i] : T{1};
    if (aim.label < 0 || counts[r] == 0) {
      clear(out, width);
      mass[r] = partial[2 * i + 1] = 0;
      return;
    }
    Exponentials<T> found;
    exponentiate(found, layout, own, out);
    block.totals[r] = found.total;
    mass[r] = aim.spike;
    if (aim.spike != 0) block.away[r] = aim.spike * (found.peak - own[aim.label]);
    if (spreads) {
      V all = {}, away = {};
      for (Index j = 0; j < width; j += lanes) {
        const V t = spread(i, j), drop = found.peak - get(layout, own, j, splat(found.peak));
        all += t;
        away += t == 0 ? V{} : t * drop;
      }
      mass[r] += sum<T>(all);
      block.away[r] += sum<T>(away);
    }
    partial[2 * i + 1] = is_first(own, aim.label, found.peak) ? counts[r] : T{0};
    if (!out) return;
    const T step = static_cast<T>(scale * static_cast<double>(counts[r]));
    const V factor = splat(step * mass[r] / found.total);
    if (spreads) {
      for (Index j = 0; j < width; j += lanes) {
        const V e = narrow ? found.kept[j / lanes] : get(layout, out, j, V{});
        put(layout, out, j, rounded<T>(e * factor) - spread(i, j) * step);
      }
    } else if (narrow) {
      for (Index j = 0; j < width; j += lanes) put(layout, out, j, found.kept[j / lanes] * factor);
    } else {
      map(out, out, width, [&](V e) { return e * factor; });
    }
    if (aim.spike != 0) out[aim.label] -= step * aim.spike;
  };
  rows_at_once<T>(team, n, row, [&](const Block<T>& block, Index first, Index count, V logs) {
    for (Index r = 0; r < count; ++r) {
      const T loss = (mass[r] * logs[r] + block.away[r]) * counts[r];
      partial[2 * (first + r)] = loss;
      if (losses) losses[first + r] = loss;
    }
  });
  reduce(result, partial, n, scale, inverse(totals.scored), totals, team);
}

template <typename T>
void entropy_of_labels(T* dz, LossResult* result, T* losses, T* partial, const T* z, const std::int32_t* target,
                       const T* weight, const double* columns, Rows n, Dim classes, const CrossEntropyHyper& given,
                       const Team& team) {
  const CrossEntropyHyper hyper = given;
  const Totals totals = total_weights(target, weight, columns, n.value);
  const Columns<T> layout = columns_of<T>(classes.value);
  const double each = hyper.smoothing / static_cast<double>(classes.value);
  entropy_rows(
      dz, result, losses, partial, z, weight, n.value, classes.value, row_scale(hyper, totals), totals, team,
      [&](Index i) {
        const Index label = target[i];
        const double counts = columns && label >= 0 ? columns[label] : 1.0;
        return Aim<T>{label, static_cast<T>((1 - hyper.smoothing) * counts)};
      },
      hyper.smoothing != 0,
      [&](Index, Index j) {
        const Vector<T> even = splat(static_cast<T>(each));
        return only_used(layout, j, columns ? load_doubles<T>(columns + j) * even : even);
      });
}

template <typename T>
void entropy_of_shares(T* dz, LossResult* result, T* losses, T* partial, const T* z, const T* target, const T* weight,
                       const double* columns, Rows n, Dim width, const CrossEntropyHyper& given, const Team& team) {
  using V = Vector<T>;
  const CrossEntropyHyper hyper = given;
  const Totals totals = total_weights(weight, n.value);
  const Columns<T> layout = columns_of<T>(width.value);
  const T even = static_cast<T>(hyper.smoothing / static_cast<double>(width.value));
  const T kept = static_cast<T>(1 - hyper.smoothing);
  const bool spreads = true;
  entropy_rows(
      dz, result, losses, partial, z, weight, n.value, width.value, row_scale(hyper, totals), totals, team,
      [&](Index i) {
        const T *const shares = target + i * width.value, most = peak_of(layout, shares);
        Index label = 0;
        while (label + 1 < width.value && shares[label] != most) ++label;
        return Aim<T>{label, T{0}};
      },
      spreads,
      [&](Index i, Index j) {
        const V t = get(layout, target + i * width.value, j, V{}) * kept + even;
        return only_used(layout, j, columns ? t * load_doubles<T>(columns + j) : t);
      });
}

// dz = (softmax - onehot) (1 - p)^gamma (1 - gamma p log p / (1 - p)): the gradient of the entropy times a factor that
// takes the logs, for some rows at once.
template <typename T>
void focal_rows(T* dz, LossResult* result, T* losses, T* partial, const T* z, const std::int32_t* target,
                const T* weight, const double* columns, Rows n, Dim classes, const FocalHyper& given,
                const Team& team) {
  using V = Vector<T>;
  constexpr Index lanes = kLanes<T>;
  const FocalHyper hyper = given;
  const Totals totals = total_weights(target, weight, columns, n.value);
  const double scale = row_scale(hyper, totals);
  const Columns<T> layout = columns_of<T>(classes.value);
  const Index width = classes.value;
  const bool narrow = is_narrow(layout);
  const T gamma = static_cast<T>(hyper.gamma);
  T others[lanes];       // e^(z - peak) of all classes but the target
  double counts[lanes];  // negative: the row does not count
  const auto row = [&](Block<T>& block, Index i, Index r) {
    const T* const own = z + i * width;
    T* const out = dz ? dz + i * width : nullptr;
    const Index label = target[i];
    const T once = weight ? weight[i] : T{1};
    others[r] = 0;
    counts[r] = label < 0 || once == 0 ? -1 : static_cast<double>(once) * (columns ? columns[label] : 1.0);
    partial[2 * i + 1] = 0;
    if (counts[r] < 0) {
      clear(out, width);
      return;
    }
    Exponentials<T> found;
    exponentiate(found, layout, own, out);
    block.totals[r] = found.total;
    block.away[r] = found.peak - own[label];
    if (is_first(own, label, found.peak)) partial[2 * i + 1] = once;
    V rest = {};
    const V factor = splat(1 / found.total);
    for (Index j = 0; j < width; j += lanes) {
      V e;
      if (narrow) {
        e = found.kept[j / lanes];
      } else if (out) {
        e = get(layout, out, j, V{});
      } else {
        e = exp_below<T>(get(layout, own, j, splat(-MathConstants<T>::infinity)) - found.peak);
      }
      rest += lane_of<T>(label, j) ? V{} : e;
      if (out) put(layout, out, j, e * factor);
    }
    others[r] = sum<T>(rest);
  };
  rows_at_once<T>(team, n.value, row, [&](const Block<T>& block, Index first, Index count, V logs) {
    const V rest = load(others), totals_of = load(block.totals), away = load(block.away);
    const V miss = rest / totals_of;  // 1 - p
    // -log p; where the target is the peak, without the rounding of 1 + rest.
    const V entropy = away > 0 ? logs + away : (totals_of == totals_of ? log1p_positive<T>(rest) : totals_of);
    const V focus = power_of_share<T>(miss, gamma);
    const V slopes = focus * (1 + gamma * (1 - miss) * (miss > 0 ? entropy / miss : splat(T{1})));
    for (Index r = 0; r < count; ++r) {
      const Index i = first + r;
      const T loss = counts[r] > 0 ? focus[r] * entropy[r] * static_cast<T>(counts[r]) : T{0};
      partial[2 * i] = loss;
      if (losses) losses[i] = loss;
      if (!dz || counts[r] < 0) continue;
      T* const out = dz + i * width;
      const V factor = splat(slopes[r] * static_cast<T>(scale * counts[r]));
      map(out, out, width, [&](V share) { return share * factor; });
      out[target[i]] = -miss[r] * factor[0];
    }
  });
  reduce(result, partial, n.value, scale, inverse(totals.scored), totals, team);
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(softmax_loss, LAMELLA_LOSS(cross_entropy, entropy_of_labels),
               LAMELLA_LOSS(cross_entropy_shares, entropy_of_shares), LAMELLA_LOSS(focal, focal_rows))
