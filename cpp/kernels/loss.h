#pragma once

#include "kernels/kernel.h"

// Losses: value, gradient and score in one pass. `result` gets the reduced loss and the score that people watch:
// for classes the share of rows (or cells) predicted right, for squared error the mean squared error.

namespace lamella {
namespace {

struct LossHyper {
  double mean;  // 1: the mean over rows (cross-entropy) or cells (the others), as PyTorch's reduction; 0: the sum
};

struct LossResult {
  double value;
  double score;
};

// loss_i = log(sum_j e^z_ij) - z_i,target_i;  dz = (softmax(z) - onehot) / n.
template <typename T>
void cross_entropy(T* dz,                       // (n, classes) or null: not wanted
                   LossResult* result,          //
                   T* partial,                  // (n, 2): loss and score of each row
                   const T* z,                  // (n, classes), logits
                   const std::int32_t* target,  // (n), in [0, classes)
                   Rows n, Dim classes, const LossHyper& hyper, const Team& team);

// loss = max(z, 0) - z t + log(1 + e^-|z|);  dz = sigmoid(z) - t.
template <typename T>
void binary_cross_entropy(T* dz,               // (n, width) or null
                          LossResult* result,  //
                          T* partial,          // (n, 2)
                          const T* z,          // (n, width), logits
                          const T* target,     // (n, width), in [0, 1]
                          Rows n, Dim width, const LossHyper& hyper, const Team& team);

// loss = (z - t)^2;  dz = 2 (z - t).
template <typename T>
void squared_error(T* dz,               // (n, width) or null
                   LossResult* result,  //
                   T* partial,          // (n, 2)
                   const T* z,          // (n, width)
                   const T* target,     // (n, width)
                   Rows n, Dim width, const LossHyper& hyper, const Team& team);

}  // namespace
}  // namespace lamella
