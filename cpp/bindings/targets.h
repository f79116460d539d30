#pragma once

#include "core/types.h"

namespace lamella {

// What a loss asks of its targets.
enum class Targets : int {
  labels,   // integer classes
  values,   // numbers, a cell each
  shares,   // numbers in [0, 1]
  amounts,  // finite numbers from 0 on; sample weights are such, too
  signs     // -1 or 1
};

// Where in `values` the first number stands that is not of that kind; `count` if all are.
template <typename T>
Index first_unfit(Targets kind, const T* values, Index count) {
  const auto first = [&](const auto& fits) {
    bool all = true;  // without a branch: in most arrays all fit
    for (Index i = 0; i < count; ++i) all &= fits(values[i]);
    Index i = all ? count : 0;
    while (i < count && fits(values[i])) ++i;
    return i;
  };
  switch (kind) {
    case Targets::shares:
      return first([](T value) { return value >= 0 && value <= 1; });
    case Targets::amounts:
      return first([](T value) { return value >= 0 && value - value == 0; });
    case Targets::signs:
      return first([](T value) { return value == 1 || value == -1; });
    default:
      return count;
  }
}

}  // namespace lamella
