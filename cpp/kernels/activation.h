#pragma once

#include "kernels/kernel.h"

// Elementwise activations. Forward: out = f(in); out may be in. Backward: out = in * f'(.), `in` the upstream gradient
// and `other` what the forward saved, given as f' in terms of the *output* y = f(x), so that a product can apply f to
// its own tile and the input x is never stored; out may be in.
//
//   relu      y = max(x, 0)          f' = [y > 0]     (0 at x = 0; NaN stays NaN)
//   tanh      y = tanh x             f' = 1 - y^2
//   sigmoid   y = 1 / (1 + e^-x)     f' = y (1 - y)

namespace lamella {
namespace {

#define LAMELLA_TILE_CONTRACT(name) \
  template <typename T>             \
  void name(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void* hyper)

LAMELLA_TILE_CONTRACT(relu_forward);
LAMELLA_TILE_CONTRACT(relu_backward);
LAMELLA_TILE_CONTRACT(tanh_forward);
LAMELLA_TILE_CONTRACT(tanh_backward);
LAMELLA_TILE_CONTRACT(sigmoid_forward);
LAMELLA_TILE_CONTRACT(sigmoid_backward);

#undef LAMELLA_TILE_CONTRACT

}  // namespace
}  // namespace lamella
