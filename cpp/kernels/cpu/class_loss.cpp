#include "kernels/cpu/loss.h"

// Losses of classes that need no softmax.

namespace lamella {
namespace {

// row(z, label, factor, dz) gives a row's loss, and factor times its gradient if dz is not null.
template <typename T, typename Row>
LAMELLA_INLINE void class_rows(T* dz, LossResult* result, T* losses, T* partial, const T* z, const std::int32_t* target,
                               const T* weight, const double* classes, Index n, Index width, double scale,
                               Totals totals, const Team& team, const Row& row) {
  const Columns<T> layout = columns_of<T>(width);
  const Span rows = share(team, n, kRowGrain);
  for (Index i = rows.begin; i < rows.end; ++i) {
    const T counts = weight ? weight[i] : T{1};
    const Index label = target[i];
    T* const out = dz ? dz + i * width : nullptr;
    T loss = 0, score = 0;
    if (label < 0 || counts == 0) {
      clear(out, width);
    } else {
      const double full = static_cast<double>(counts) * (classes ? classes[label] : 1.0);
      loss = row(z + i * width, label, static_cast<T>(scale * full), out) * static_cast<T>(full);
      score = is_first(z + i * width, label, peak_of(layout, z + i * width)) ? counts : T{0};
    }
    partial[2 * i] = loss;
    partial[2 * i + 1] = score;
    if (losses) losses[i] = loss;
  }
  reduce(result, partial, n, scale, inverse(totals.scored), totals, team);
}

template <typename T>
void log_likelihood(T* dz, LossResult* result, T* losses, T* partial, const T* z, const std::int32_t* target,
                    const T* weight, const double* columns, Rows n, Dim classes, const LossHyper& hyper,
                    const Team& team) {
  const Totals totals = total_weights(target, weight, columns, n.value);
  class_rows(dz, result, losses, partial, z, target, weight, columns, n.value, classes.value, row_scale(hyper, totals),
             totals, team, [&](const T* row, Index label, T factor, T* out) {
               clear(out, classes.value);
               if (out) out[label] = -factor;
               return -row[label];
             });
}

template <typename T>
void margins(T* dz, LossResult* result, T* losses, T* partial, const T* z, const std::int32_t* target, const T* weight,
             const double* columns, Rows n, Dim classes, const MultiMarginHyper& given, const Team& team) {
  using V = Vector<T>;
  const MultiMarginHyper hyper = given;
  const Totals totals = total_weights<T>(target, weight, nullptr, n.value);  // as in PyTorch: not by classes
  const Columns<T> layout = columns_of<T>(classes.value);
  const T each = static_cast<T>(1 / static_cast<double>(classes.value)), margin = static_cast<T>(hyper.margin);
  const bool squared = hyper.power == 2;
  class_rows(dz, result, losses, partial, z, target, weight, columns, n.value, classes.value, row_scale(hyper, totals),
             totals, team, [&](const T* row, Index label, T factor, T* out) {
               const V least = splat(margin - row[label]), step = splat(factor * each), zero = {};
               V loss = {}, slopes = {};
               for (Index j = 0; j < layout.width; j += kLanes<T>) {
                 V gap = least + get(layout, row, j, zero);
                 gap = only_used(layout, j, lane_of<T>(label, j) ? zero : gap);
                 const V over = gap <= 0 ? zero : gap;  // NaN stays NaN
                 loss += squared ? over * over : over;
                 const V slope = squared ? over * 2 * step : (gap > 0 ? step : zero);
                 slopes += slope;
                 if (out) put(layout, out, j, slope);
               }
               if (out) out[label] = -sum<T>(slopes);
               return sum<T>(loss) * each;
             });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(class_loss, LAMELLA_LOSS(nll, log_likelihood), LAMELLA_LOSS(multi_margin, margins))
