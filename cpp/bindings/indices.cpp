#include "bindings/indices.h"

#include <cmath>

namespace lamella {
namespace {

template <typename T>
std::optional<BadIndex> find(const T* data, Index n, Index width, const std::vector<IndexColumn>& columns) {
  for (const auto& [column, count] : columns) {
    for (Index i = 0; i < n; ++i) {
      const T value = data[i * width + column];
      const bool inside = value >= 0 && value < static_cast<T>(count) && value == std::trunc(value);
      if (!inside) return BadIndex{i, column, count};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<BadIndex> find_bad_index(const void* data, DType dtype, Index n, Index width,
                                       const std::vector<IndexColumn>& columns) {
  if (dtype == DType::float32) return find(static_cast<const float*>(data), n, width, columns);
  return find(static_cast<const double*>(data), n, width, columns);
}

}  // namespace lamella
