#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "core/types.h"

namespace lamella {

// A column of the input that holds whole numbers in [0, count).
using IndexColumn = std::pair<Index, Index>;

struct BadIndex {
  Index row, column, count;
};

// The first value of (n, width) data that its column may not have, by column.
std::optional<BadIndex> find_bad_index(const void* data, DType dtype, Index n, Index width,
                                       const std::vector<IndexColumn>& columns);

}  // namespace lamella
