#include "core/permutation.h"

#include <utility>

#include "core/philox.h"

namespace lamella {

void permute(Index* order, Index n, std::uint64_t seed, std::uint64_t stream) {
  for (Index i = 0; i < n; ++i) order[i] = i;
  for (Index i = n - 1; i > 0; --i) {
    const auto counter = static_cast<std::uint64_t>(i);
    const PhiloxBlock random = philox({{static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                                        static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)}},
                                      seed);
    const std::uint64_t bits = std::uint64_t{random.word[0]} << 32 | random.word[1];
    // The high half of a 64 x 64 product maps the bits onto 0..i almost without bias (i / 2^64).
    const auto j = static_cast<Index>(static_cast<unsigned __int128>(bits) * (counter + 1) >> 64);
    std::swap(order[i], order[j]);
  }
}

}  // namespace lamella
