#pragma once

#include "kernels/kernel.h"

// Inverted dropout, Srivastava et al. 2014: y = x / (1 - p) where kept, 0 elsewhere.
//
// Whether element e of the batch is kept hangs on (seed, step, layer, e) alone, by Philox: the same for any number of
// threads, any vector width, any device. Elements go in groups of 64, sixteen Philox blocks each: block 16 (e / 64) +
// e % 16 of the stream decides element e with its word (e / 16) % 4. Counter: (block low, block high, layer, step);
// key: seed. Kept where the word is at least p 2^32.

namespace lamella {
namespace {

struct DropoutHyper {
  double p;
  std::uint64_t seed;
  std::uint64_t layer;
  double step;  // forward passes in training so far, this one included
};

// mask: one bit an element, in 64-bit groups. y may be x.
template <typename T>
void dropout_forward(T* y,                 // (n, width)
                     std::uint64_t* mask,  // (ceil(n width / 64))
                     const T* x,           // (n, width)
                     Rows n, Dim width, const DropoutHyper& hyper, const Team& team);

// dx may be dy.
template <typename T>
void dropout_backward(T* dx,                      // (n, width)
                      const T* dy,                // (n, width)
                      const std::uint64_t* mask,  // (ceil(n width / 64))
                      Rows n, Dim width, const DropoutHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
