#pragma once

#include "kernels/kernel.h"

// Elementwise activations, each a pair of ops. NAME_forward: out = f(in). NAME_backward: out = in * f'(.), `in` the
// upstream gradient, and `other` what the table says that f' is taken from: the *output* y of the forward where that
// tells enough, as a product then applies f to its own tile and never stores x; else the *input* x. out may be in.
//
//   name          y = f(x)                                       f'                                    from
//   relu          max(x, 0)                                      [y > 0], 0 at x = 0; NaN stays NaN    y
//   leaky_relu    x > 0 ? x : slope x, slope >= 0                y > 0 ? 1 : slope                     y
//   elu           x > 0 ? x : alpha (e^x - 1), alpha >= 0        y > 0 ? 1 : y + alpha                 y
//   celu          x > 0 ? x : alpha (e^(x / alpha) - 1)          y > 0 ? 1 : y / alpha + 1             y
//   selu          s (x > 0 ? x : alpha (e^x - 1))                y > 0 ? s : y + s alpha               y
//   softplus      log(1 + e^(beta x)) / beta, or x where         1 / (1 + e^(-beta x)), or 1           x
//                 beta x > threshold
//   gelu          x Phi(x), Phi the normal distribution          Phi(x) + x phi(x)                     x
//   gelu_tanh     x s, s = 1 / (1 + e^(-2u)),                    s + x s (1 - s) 2u'                   x
//                 u = sqrt(2 / pi) (x + 0.044715 x^3)
//   silu          x s, s = 1 / (1 + e^-x)                        s + x s (1 - s)                       x
//   mish          x t, t = tanh(log(1 + e^x))                    t + x (1 - t^2) / (1 + e^-x)          x
//   hardswish     x min(max(x + 3, 0), 6) / 6                    0 | x / 3 + 1/2 | 1                   x
//   tanh          tanh x                                         1 - y^2                               y
//   sigmoid       1 / (1 + e^-x)                                 y (1 - y)                             y
//   log_sigmoid   -log(1 + e^-x)                                 1 - e^y                               y
//   softsign      x / (1 + |x|)                                  (1 - |y|)^2                           y
//   hardtanh      min(max(x, least), most)                       [least < y < most]                    y
//   hardsigmoid   min(max(x + 3, 0), 6) / 6                      [0 < y < 1] / 6                       y

namespace lamella {
namespace {

struct LeakyReluHyper {
  double negative_slope;
};

struct EluHyper {
  double alpha;
};

struct SoftplusHyper {
  double beta, threshold;
};

struct HardtanhHyper {
  double min_val, max_val;
};

}  // namespace
}  // namespace lamella
