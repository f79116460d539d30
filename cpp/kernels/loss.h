#pragma once

#include "kernels/kernel.h"

// Losses: value, gradient and score in one pass. There are two kinds, each of one signature: losses of cells, whose
// targets are numbers, and losses of classes, whose targets are integers. A contract is a type, a line each.
//
// A row counts by its weight. Rows of weight 0, and those without a class, are as if they were not there: their loss
// and gradient are 0, whatever their outputs. If nothing counts, the loss is 0, not the 0/0 of its mean.

namespace lamella {
namespace {

// Every loss's settings begin with this.
struct LossHyper {
  double mean;  // 0: the sum; 1: the mean, over cells or rows; 2: the mean over rows in any case
};

struct LossResult {
  double value;   // the loss, reduced
  double score;   // what people watch, averaged by the weights of rows
  double weight;  // what a mean was divided by, for one cell of each row: n where nothing is weighted
  double scored;  // likewise of the score
};

template <typename T, typename Hyper>
using CellLoss = void(T* dz,                  // (n, outputs) or null: not wanted
                      LossResult* result,     //
                      T* losses,              // (n, cells) or null: not wanted; before they are reduced
                      T* partial,             // (n, 2): loss and score of each row
                      const T* z,             // (n, outputs)
                      const T* target,        // (n, width)
                      const T* weight,        // (n), >= 0, or null: all rows count once
                      const double* columns,  // settings of single columns, see the loss, or null
                      Rows n, Dim width, const Hyper& hyper, const Team& team);

template <typename T, typename Hyper>
using ClassLoss = void(T* dz,                       // (n, classes) or null
                       LossResult* result,          //
                       T* losses,                   // (n) or null
                       T* partial,                  // (n, 2)
                       const T* z,                  // (n, classes)
                       const std::int32_t* target,  // (n), below classes; negative: the row does not count
                       const T* weight,             // (n) or null
                       const double* columns,       // (classes), >= 0, or null: what a row of that class counts
                       Rows n, Dim classes, const Hyper& hyper, const Team& team);

// Of cells. z, t: output and target; a cell each. `columns`, where a loss has them, come in whole cache lines' worth of
// elements: kColumnRoom more than there are may be read.
constexpr Index kColumnRoom = 16;

// factor (z - t)^2;  score: (z - t)^2.
struct SquaredErrorHyper : LossHyper {
  double factor;
};
template <typename T>
using squared_error = CellLoss<T, SquaredErrorHyper>;

// |z - t|, which is also its score.
template <typename T>
using absolute_error = CellLoss<T, LossHyper>;

// d = z - t: d^2 / 2 up to |d| = delta, delta (|d| - delta / 2) beyond (Huber 1964);  score: |d|.
struct HuberHyper : LossHyper {
  double delta;
};
template <typename T>
using huber = CellLoss<T, HuberHyper>;

// d^2 / (2 beta) below |d| = beta, |d| - beta / 2 beyond (Girshick 2015);  score: |d|.
struct SmoothL1Hyper : LossHyper {
  double beta;
};
template <typename T>
using smooth_l1 = CellLoss<T, SmoothL1Hyper>;

// w ((1 - t) log(1 + e^z) + p t log(1 + e^-z)), t in [0, 1];  score: whether z > 0 is t > 1/2. w and p are 1, or
// columns: (2, width rounded up to kColumnRoom).
template <typename T>
using binary_cross_entropy = CellLoss<T, LossHyper>;

// a q^gamma BCE(z, t), q = s + t - 2 s t, s = 1 / (1 + e^-z), a = alpha t + (1 - alpha) (1 - t), or 1 for alpha < 0
// (Lin et al. 2017);  score as above.
struct SigmoidFocalHyper : LossHyper {
  double gamma, alpha;
};
template <typename T>
using sigmoid_focal = CellLoss<T, SigmoidFocalHyper>;

// max(0, 1 - t z), or that squared, t = -1 or 1;  score: whether z > 0 is t > 0.
struct HingeHyper : LossHyper {
  double squared;
};
template <typename T>
using hinge = CellLoss<T, HingeHyper>;

// t (log t - z), 0 at t = 0; if log_target, e^t (t - z);  score: |e^z - t|, or |e^z - e^t|.
struct KLDivergenceHyper : LossHyper {
  double log_target;
};
template <typename T>
using kl_divergence = CellLoss<T, KLDivergenceHyper>;

// Two outputs a cell, mean m and log of the variance s: z is (n, 2 width), all m of a row before all s.
// (s + (m - t)^2 / e^s) / 2, e^s taken to be at least eps; if full, log(2 pi) / 2 more;  score: (m - t)^2.
struct GaussianNLLHyper : LossHyper {
  double full, eps;
};
template <typename T>
using gaussian_nll = CellLoss<T, GaussianNLLHyper>;

// r - t z, r = e^z; or if not log_input, r - t log(r + eps), r = z; if full, Stirling's t log t - t + log(2 pi t) / 2
// more where t > 1;  score: (r - t)^2.
struct PoissonNLLHyper : LossHyper {
  double log_input, full, eps;
};
template <typename T>
using poisson_nll = CellLoss<T, PoissonNLLHyper>;

// `count` outputs for each target, each with a loss of its own: z is (n, count width), a row's outputs for the first
// quantile before those for the second. max(q (t - z), (q - 1) (t - z)), q = columns[k] (count) in (0, 1)
// (Koenker & Bassett 1978);  score: whether t <= z.
struct QuantileHyper : LossHyper {
  double count;
};
template <typename T>
using quantile = CellLoss<T, QuantileHyper>;

// Of rows whose target is a share for each class, w ((1 - smoothing) t + smoothing / classes), w by `columns`
// (classes): the sum of target (log(sum_j e^z_j) - z);  score: whether the largest z is where the largest t is.
// losses: (n); a mean is over rows.
struct CrossEntropyHyper : LossHyper {
  double smoothing;
};
template <typename T>
using cross_entropy_shares = CellLoss<T, CrossEntropyHyper>;

// Of classes. The score is whether the largest z is the target's; a mean is divided by what the rows' classes count,
// except where said.

// w log(sum_j e^z_j) - z_target; smoothing as above (Szegedy et al. 2016).
template <typename T>
using cross_entropy = ClassLoss<T, CrossEntropyHyper>;

// -w (1 - p)^gamma log p, p the target's softmax (Lin et al. 2017).
struct FocalHyper : LossHyper {
  double gamma;
};
template <typename T>
using focal = ClassLoss<T, FocalHyper>;

// -w z_target.
template <typename T>
using nll = ClassLoss<T, LossHyper>;

// w / classes sum_(j != target) max(0, margin - z_target + z_j)^power, power 1 or 2; a mean is over rows
// (Crammer & Singer 2001).
struct MultiMarginHyper : LossHyper {
  double power, margin;
};
template <typename T>
using multi_margin = ClassLoss<T, MultiMarginHyper>;

}  // namespace
}  // namespace lamella
