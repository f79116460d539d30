#pragma once

#include "kernels/kernel.h"

// What all updates of parameters have in common.

namespace lamella {
namespace {

// The first fields of every update's settings: what happens to gradient and value before the update itself. In order:
// the gradient is multiplied by sign and by *scale (where there is one), its elements are cut to [-clip_value,
// clip_value], and the gradients of the penalties are added, weight_decay value + l1 sign(value). The value is
// multiplied by 1 - lr shrink.
struct UpdateHyper {
  double step;  // updates so far, this one included
  double lr;
  double sign;          // -1: maximize
  double clip_value;    // infinity: whole elements
  double weight_decay;  // coupled: goes through the update like any gradient
  double l1;
  double shrink;  // decoupled weight decay (Loshchilov & Hutter 2019)
};

// Long sums are taken in chunks of so many elements, which are added up in order: the same for any number of threads.
constexpr Index kSumChunk = 4096;
static inline Index sum_chunks(Index count) { return (count + kSumChunk - 1) / kSumChunk; }

}  // namespace
}  // namespace lamella
