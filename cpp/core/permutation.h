#pragma once

#include <cstdint>

#include "core/types.h"

namespace lamella {

// 0..n-1 in random order (Fisher & Yates), a pure function of seed and stream.
void permute(Index* order, Index n, std::uint64_t seed, std::uint64_t stream);

}  // namespace lamella
