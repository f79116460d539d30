#pragma once

#include "kernels/update.h"

// What happens to weights after an update, or beside it: max-norm, penalties, averages.

namespace lamella {
namespace {

struct LimitHyper {
  double max_norm;
};

// Rows of a matrix, or its columns, longer than max_norm are scaled back to it (Srivastava et al. 2014). out may be
// value.
template <typename T>
void weight_limit(T* out,          // (rows, cols)
                  const T* value,  // (rows, cols)
                  Dim rows, Dim cols, Flag by_column, const LimitHyper& hyper, const Team& team);

struct PenaltyHyper {
  double weight_decay, l1;
};

// weight_decay / 2 |value|^2 + l1 |value|_1 of each chunk (see kSumChunk), in double.
template <typename T>
void weight_penalty(double* sums,    // (sum_chunks(count))
                    const T* value,  // (count)
                    Dim count, const PenaltyHyper& hyper, const Team& team);

// total = sums, added up in order; or total + that, where it adds.
template <typename T>
void penalty_total(double* total, const double* sums, Dim chunks, Flag adds, const Team& team);

struct AverageHyper {
  double updates;  // this one included: the first copies
  double decay;    // negative: the mean of all so far
};

// average = decay average + (1 - decay) value.
template <typename T>
void weight_average(T* average,      // (count)
                    const T* value,  // (count)
                    Dim count, const AverageHyper& hyper, const Team& team);

struct BlendHyper {
  double share;
};

// value += share (other - value).
template <typename T>
void weight_blend(T* value,        // (count)
                  const T* other,  // (count)
                  Dim count, const BlendHyper& hyper, const Team& team);

// a and b change places.
template <typename T>
void weight_exchange(T* a,  // (count)
                     T* b,  // (count)
                     Dim count, const Team& team);

}  // namespace
}  // namespace lamella
