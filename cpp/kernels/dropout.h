#pragma once

#include "kernels/kernel.h"

// Inverted dropout, Srivastava et al. 2014: y = x / (1 - p) where kept, 0 elsewhere; the gradient likewise.
//
// Whether element e of the batch is kept hangs on (seed, step, layer, e) alone, by Philox: the same for any number of
// threads, any vector width, any device. Elements go in groups of 64, eight Philox blocks each: block
// 8 (e / 64) + e % 16 / 2 of the stream decides element e with half e % 2 (0: the low one) of its word e % 64 / 16.
// Counter: (block low, block high, layer, step); key: seed. Kept where the half word is at least p 2^16, rounded up or
// down at random once a step so that p is met exactly on average: up where word 0 of the block that the stream cannot
// reach (both counter words all ones) is below frac(p 2^16) 2^32.

namespace lamella {
namespace {

struct DropoutHyper {
  double p;
  std::uint64_t seed;
  std::uint64_t layer;
  double step;  // forward passes in training so far, this one included
};

// mask: one bit an element, in 64-bit groups.
template <typename T>
void dropout_mask(std::uint64_t* mask,  // (ceil(n width / 64))
                  Rows n, Dim width, const DropoutHyper& hyper, const Team& team);

// Elementwise, forward and backward: out = in / (1 - p) where the bit of `other`, the mask, is set; out may be in.
template <typename T>
void dropout(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void* hyper);

// The classic form, Hinton et al. 2012: out = in where the bit is set, in training; and out = (1 - p) in, in
// evaluation. Both forward and backward; out may be in.
template <typename T>
void dropout_classic(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld,
                     const void* hyper);
template <typename T>
void dropout_expected(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld,
                      const void* hyper);

}  // namespace
}  // namespace lamella
