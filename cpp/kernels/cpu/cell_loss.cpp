#include "kernels/cpu/loss.h"

// Losses of single cells. Each is a struct that gives loss, slope and score of a vector of cells; `CellKernel` is the
// pass over rows that they share.

namespace lamella {
namespace {

// What a loss reads.
template <typename T>
struct Cells {
  Vector<T> z, second, target;  // second: of a loss of two outputs a cell
  const double* columns;        // settings of single columns, or null
  Index width, column, part;    // the vector's first column, and which of its target's outputs it is
};

// What it gives: slopes by z and by the second output.
template <typename T>
struct Found {
  Vector<T> loss, slope, score, second_slope = Vector<T>{};
};

// What most losses have: one output a cell, one a target, and nothing to multiply all by.
template <typename Settings>
struct Plain {
  using Hyper = Settings;
  static constexpr Index outputs = 1;
  LAMELLA_INLINE Index parts(const Hyper&) { return 1; }
  LAMELLA_INLINE double factor(const Hyper&) { return 1; }
};

template <typename T, typename Loss>
struct CellKernel {
  using Hyper = typename Loss::Hyper;
  using V = Vector<T>;

  static void run(T* dz, LossResult* result, T* losses, T* partial, const T* z, const T* target, const T* weight,
                  const double* columns, Rows n, Dim width, const Hyper& given, const Team& team) {
    constexpr Index lanes = kLanes<T>;
    const Hyper hyper = given;  // a copy, which no store can change
    const Index parts = Loss::parts(hyper), cells = width.value * parts, outputs = cells * Loss::outputs;
    const Totals totals = total_weights(weight, n.value);
    const double all = totals.weight * static_cast<double>(cells);
    const double scale = hyper.mean == 0 ? 1.0 : inverse(hyper.mean == 2 ? totals.weight : all);
    const T each = static_cast<T>(Loss::factor(hyper));
    const Columns<T> layout = columns_of<T>(width.value);
    const Span rows = share(team, n.value, kRowGrain);
    for (Index i = rows.begin; i < rows.end; ++i) {
      const T counts = weight ? weight[i] : T{1};
      T *const slopes = dz ? dz + i * outputs : nullptr, *const kept = losses ? losses + i * cells : nullptr;
      if (counts == 0) {
        clear(slopes, outputs);
        clear(kept, cells);
        partial[2 * i] = partial[2 * i + 1] = 0;
        continue;
      }
      const V factor = splat(static_cast<T>(scale * static_cast<double>(counts)) * each);
      V loss = {}, score = {};
      for (Index part = 0; part < parts; ++part) {
        const Index before = part * width.value;
        const T *const row = z + i * outputs + before, *const aim = target + i * width.value;
        const auto at = [&](Index j, Index used) __attribute__((always_inline)) {
          const auto read = [&](const T* from) { return used == lanes ? load(from + j) : load_part(from + j, used); };
          const V second = Loss::outputs == 2 ? read(row + width.value) : V{};
          const Found<T> found = Loss::of({read(row), second, read(aim), columns, width.value, j, part}, hyper);
          const auto write = [&](T* to, V v) { used == lanes ? store(to + j, v) : store_part(to + j, v, used); };
          if (slopes) write(slopes + before, found.slope * factor);
          if (slopes && Loss::outputs == 2) write(slopes + width.value, found.second_slope * factor);
          return found;
        };
        for (Index j = 0; j < layout.whole; j += lanes) {
          const Found<T> found = at(j, lanes);
          loss += found.loss;
          score += found.score;
        }
        if (layout.part > 0) {
          const Found<T> found = at(layout.whole, layout.part);
          loss += layout.used > 0 ? rounded<T>(found.loss) : V{};
          score += layout.used > 0 ? rounded<T>(found.score) : V{};
        }
        // Apart from the loop above, whose sums are the same whether the losses are wanted or not.
        for (Index j = 0; kept && j < width.value; j += lanes) {
          const V found = at(j, width.value - j < lanes ? layout.part : lanes).loss;
          put(layout, kept + before, j, found * (counts * each));
        }
      }
      partial[2 * i] = sum<T>(loss) * (counts * each);
      partial[2 * i + 1] = sum<T>(score) * counts;
    }
    reduce(result, partial, n.value, scale, inverse(all), totals, team);
  }
};

// -1, 0 or 1; NaN stays NaN.
template <typename T>
LAMELLA_INLINE Vector<T> sign(Vector<T> x) {
  const Vector<T> one = splat(T{1});
  return x > 0 ? one : (x < 0 ? -one : x);
}

// Ones where a says the same as b.
template <typename T>
LAMELLA_INLINE Vector<T> same(IntegerVector<T> a, IntegerVector<T> b) {
  return a == b ? splat(T{1}) : Vector<T>{};
}

template <typename T>
struct SquaredError : Plain<SquaredErrorHyper> {
  LAMELLA_INLINE double factor(const SquaredErrorHyper& hyper) { return hyper.factor; }

  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const SquaredErrorHyper&) {
    const Vector<T> miss = cells.z - cells.target, square = miss * miss;
    return {square, miss * 2, square};
  }
};

template <typename T>
struct AbsoluteError : Plain<LossHyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const LossHyper&) {
    const Vector<T> miss = cells.z - cells.target, size = absolute<T>(miss);
    return {size, sign<T>(miss), size};
  }
};

template <typename T>
struct Huber : Plain<HuberHyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const HuberHyper& hyper) {
    const Vector<T> delta = splat(static_cast<T>(hyper.delta));
    const Vector<T> miss = cells.z - cells.target, size = absolute<T>(miss);
    const Vector<T> loss =
        size > delta ? delta * (size - delta * static_cast<T>(0.5)) : size * size * static_cast<T>(0.5);
    return {loss, clamp(miss, -delta, delta), size};
  }
};

template <typename T>
struct SmoothL1 : Plain<SmoothL1Hyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const SmoothL1Hyper& hyper) {
    const Vector<T> beta = splat(static_cast<T>(hyper.beta));
    const Vector<T> miss = cells.z - cells.target, size = absolute<T>(miss);
    const auto inside = size < beta;
    const Vector<T> half = splat(static_cast<T>(0.5));
    return {inside ? half * size * size / beta : size - half * beta, inside ? miss / beta : sign<T>(miss), size};
  }
};

template <typename T>
struct BinaryCrossEntropy : Plain<LossHyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const LossHyper&) {
    using V = Vector<T>;
    const V z = cells.z, t = cells.target, zero = {};
    const V away = z < 0 ? z : -z;  // -|z|
    const V rest = log1p_unit<T>(exp_below<T>(away));
    const V score = same<T>(z > 0, t > static_cast<T>(0.5));
    if (!cells.columns) {
      const V above = z > 0 ? z : zero;
      const V loss = (t == 0 ? above : above - z * t) + rest;  // infinity times 0 is not what is meant
      return {z != z ? z : loss, logistic<T>(z) - t, score};
    }
    const Index stride = (cells.width + kColumnRoom - 1) / kColumnRoom * kColumnRoom;
    const V w = load_doubles<T>(cells.columns + cells.column),
            p = load_doubles<T>(cells.columns + stride + cells.column);
    const V yes = p * t, no = 1 - t;
    const V above = (z > 0 ? z : zero) + rest, below = (z < 0 ? -z : zero) + rest;  // log(1 + e^z), log(1 + e^-z)
    const V loss = (rounded<T>(no * above) + yes * below) * w;
    const V slope = (rounded<T>(no * logistic<T>(z)) - yes * logistic<T>(-z)) * w;
    return {z != z ? z : loss, slope, score};
  }
};

template <typename T>
struct SigmoidFocal : Plain<SigmoidFocalHyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const SigmoidFocalHyper& hyper) {
    using V = Vector<T>;
    const T gamma = static_cast<T>(hyper.gamma), alpha = static_cast<T>(hyper.alpha);
    const V z = cells.z, t = cells.target, zero = {};
    const V yes = logistic<T>(z), no = logistic<T>(-z), other = 1 - t;
    const V wrong = rounded<T>(yes * other) + no * t;  // q
    const V rest = log1p_unit<T>(exp_below<T>(z < 0 ? z : -z));
    const V entropy = rounded<T>(other * ((z > 0 ? z : zero) + rest)) + t * ((z < 0 ? -z : zero) + rest);
    const V balance = alpha < 0 ? splat(T{1}) : V(rounded<T>(t * alpha) + other * (1 - alpha));
    const V focus = power_of_share<T>(wrong, gamma) * balance;
    // d (q^gamma) = gamma q^(gamma - 1) dq, dq = s (1 - s) (1 - 2 t): both vanish where q does.
    const V turn = wrong > 0 ? yes * no * (other - t) / wrong : zero;
    const V loss = focus * entropy, slope = focus * (rounded<T>(turn * entropy * gamma) + (yes - t));
    return {z != z ? z : loss, slope, same<T>(z > 0, t > static_cast<T>(0.5))};
  }
};

template <typename T>
struct Hinge : Plain<HingeHyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const HingeHyper& hyper) {
    using V = Vector<T>;
    const V z = cells.z, t = cells.target, gap = 1 - t * z, short_by = gap <= 0 ? V{} : gap;  // NaN stays NaN
    const V score = same<T>(z > 0, t > 0);
    if (hyper.squared != 0) return {short_by * short_by, short_by * t * -2, score};
    return {short_by, gap <= 0 ? V{} : -t, score};
  }
};

template <typename T>
struct KLDivergence : Plain<KLDivergenceHyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const KLDivergenceHyper& hyper) {
    using V = Vector<T>;
    const V z = cells.z, t = cells.target, said = exp<T>(z), nothing = z != z ? z : V{};
    if (hyper.log_target != 0) {
      const V p = exp<T>(t), loss = p * (t - z);
      return {p == 0 ? nothing : loss, -p, absolute<T>(said - p)};
    }
    const V loss = t * (log<T>(t) - z);
    return {t == 0 ? nothing : loss, -t, absolute<T>(said - t)};
  }
};

template <typename T>
struct GaussianNLL : Plain<GaussianNLLHyper> {
  static constexpr Index outputs = 2;

  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const GaussianNLLHyper& hyper) {
    using V = Vector<T>;
    constexpr T half = static_cast<T>(0.5);
    const V eps = splat(static_cast<T>(hyper.eps)), least = log<T>(eps), s = cells.second;
    const V miss = cells.z - cells.target, square = miss * miss;
    const V said = exp<T>(s), variance = said < eps ? eps : said, share = said < eps ? said / eps : splat(T{1});
    const T constant = static_cast<T>(hyper.full != 0 ? 0.91893853320467274178 : 0.0);  // log(2 pi) / 2
    const V relative = square / variance;
    // As in PyTorch the gradient passes through the bound on the variance.
    return {((s < least ? least : s) + relative) * half + constant, miss / variance, square,
            (1 - relative) * share * half};
  }
};

template <typename T>
struct PoissonNLL : Plain<PoissonNLLHyper> {
  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const PoissonNLLHyper& hyper) {
    using V = Vector<T>;
    const V z = cells.z, t = cells.target;
    const bool logs = hyper.log_input != 0;
    const V shifted = z + static_cast<T>(hyper.eps);
    const V rate = logs ? exp<T>(z) : z;
    V loss = rate - t * (logs ? z : log<T>(shifted));
    if (hyper.full != 0) {
      constexpr T half = static_cast<T>(0.5), two_pi = static_cast<T>(6.28318530717958647693);
      const V stirling = t * (log<T>(t) - 1) + log<T>(t * two_pi) * half;
      loss += t > 1 ? stirling : V{};
    }
    const V miss = rate - t;
    return {loss, logs ? miss : V(1 - t / shifted), miss * miss};
  }
};

template <typename T>
struct Quantile : Plain<QuantileHyper> {
  LAMELLA_INLINE Index parts(const QuantileHyper& hyper) { return static_cast<Index>(hyper.count); }

  LAMELLA_INLINE Found<T> of(const Cells<T>& cells, const QuantileHyper&) {
    using V = Vector<T>;
    const V q = splat(static_cast<T>(cells.columns[cells.part])), above = cells.target - cells.z, zero = {};
    const V slope = above > 0 ? -q : (above < 0 ? 1 - q : zero);
    const V loss = above * (above > 0 ? q : q - 1);
    return {loss, slope, cells.target <= cells.z ? splat(T{1}) : zero};
  }
};

}  // namespace
}  // namespace lamella

#define LAMELLA_CELL_LOSS(name, Loss)                                                    \
  {#name,                                                                                \
   {&Bound<static_cast<name<float>*>(&CellKernel<float, Loss<float>>::run)>::launch,     \
    &Bound<static_cast<name<double>*>(&CellKernel<double, Loss<double>>::run)>::launch}, \
   {},                                                                                   \
   Bound<static_cast<name<float>*>(&CellKernel<float, Loss<float>>::run)>::signature}

LAMELLA_FAMILY(cell_loss, LAMELLA_CELL_LOSS(squared_error, SquaredError),
               LAMELLA_CELL_LOSS(absolute_error, AbsoluteError), LAMELLA_CELL_LOSS(huber, Huber),
               LAMELLA_CELL_LOSS(smooth_l1, SmoothL1), LAMELLA_CELL_LOSS(binary_cross_entropy, BinaryCrossEntropy),
               LAMELLA_CELL_LOSS(sigmoid_focal, SigmoidFocal), LAMELLA_CELL_LOSS(hinge, Hinge),
               LAMELLA_CELL_LOSS(kl_divergence, KLDivergence), LAMELLA_CELL_LOSS(gaussian_nll, GaussianNLL),
               LAMELLA_CELL_LOSS(poisson_nll, PoissonNLL), LAMELLA_CELL_LOSS(quantile, Quantile))
