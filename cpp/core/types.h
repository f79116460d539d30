#pragma once

#include <cstdint>

namespace lamella {

using Index = std::int64_t;

enum class DType : int { float32 = 0, float64 = 1 };

// The instructions by which products of bfloat16 are computed, or plain ones that give what these give; the better, the
// later.
enum class Bf16Way : int { emulated, amx_emulated, avx512, amx };

constexpr Index size_of(DType dtype) { return dtype == DType::float32 ? 4 : 8; }

// Every array that kernels see starts on a cache line.
constexpr Index kAlignment = 64;

constexpr Index round_up(Index value, Index multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace lamella
