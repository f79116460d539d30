#pragma once

#include "kernels/kernel.h"

// Normal deviates by Box & Muller 1958, for noise and Gaussian dropout (Srivastava et al. 2014, section 10).
//
// The deviate of element e hangs on (seed, step, layer, e) alone, by Philox: the same for any number of threads, any
// vector width, any device. Elements go in groups of 64, sixteen Philox blocks each: word e % 64 / 16 of block
// 16 (e / 64) + e % 16 of the stream is element e's. Counter: (block low, block high, layer, step); key: seed. Words 0
// and 1 of a block make the pair r cos t, r sin t, and words 2 and 3 another one:
// r = sqrt(-2 log u), u = (floor(first / 2) + 1/2) / 2^31, rounded to T;  t = 2 pi second / 2^32.

namespace lamella {
namespace {

struct GaussianHyper {
  double mean, deviation;
  std::uint64_t seed;
  std::uint64_t layer;
  double step;  // forward passes in training so far, this one included
};

// out = mean + deviation z, z normal.
template <typename T>
void gaussian(T* out,  // (n, width)
              Rows n, Dim width, const GaussianHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
