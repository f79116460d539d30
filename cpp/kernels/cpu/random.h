#pragma once

#include "core/philox.h"
#include "kernels/cpu/simd.h"

// Philox 4x32-10 on vectors: many blocks of a stream at once.

namespace lamella {
namespace {

constexpr int kLongLanes = kVectorBytes / 8;

// The four words of kLongLanes blocks, in the low halves of 64-bit lanes. The high halves are whatever the products
// left there: only low halves are multiplied, so nothing has to be moved or cleared between rounds.
struct Philox {
  LongVector word[4];
};

template <int streams>
LAMELLA_INLINE void philox_rounds(Philox (&c)[streams], std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  const LongVector m0 = LongVector{} + kPhiloxM0, m1 = LongVector{} + kPhiloxM1;
#pragma GCC unroll 10
  for (int round = 0; round < kPhiloxRounds; ++round) {
#pragma GCC unroll 4
    for (int s = 0; s < streams; ++s) {
      const LongVector p0 = multiply_low(c[s].word[0], m0), p1 = multiply_low(c[s].word[2], m1);
      c[s] = {{(p1 >> 32) ^ c[s].word[1] ^ k0, p1, (p0 >> 32) ^ c[s].word[3] ^ k1, p0}};
    }
    k0 += kPhiloxW0;
    k1 += kPhiloxW1;
  }
}

}  // namespace
}  // namespace lamella
