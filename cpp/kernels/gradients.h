#pragma once

#include "kernels/update.h"

// What happens to gradients before an update: their global norm, and the factor that update kernels read as `scale`.

namespace lamella {
namespace {

// The sum of squares of each chunk (see kSumChunk), in double.
template <typename T>
void gradient_squares(double* sums,   // (sum_chunks(count))
                      const T* grad,  // (count)
                      Dim count, const Team& team);

struct GradientHyper {
  double max_norm;  // infinity: any
  double others;    // squares of gradients in other memories, which belong to the same norm
};

struct GradientResult {
  double squares;  // of the gradient's elements here
  double norm;     // of the mean gradient
  double factor;   // min(1, max_norm / (norm + 1e-6)), PyTorch's, / gradients
};

// sums: of `chunks` chunks, or null: no norm. gradients: how many were added up, or null: one.
template <typename T>
void gradient_factor(GradientResult* result, const double* sums, const double* gradients, Dim chunks,
                     const GradientHyper& hyper, const Team& team);

// out = in * *factor. out may be in.
template <typename T>
void gradient_scale(T* out,       // (count)
                    const T* in,  // (count)
                    const double* factor, Dim count, const Team& team);

struct ClampHyper {
  double most;
};

// out = in cut to [-most, most]; NaN stays NaN. out may be in.
template <typename T>
void gradient_clamp(T* out,       // (count)
                    const T* in,  // (count)
                    Dim count, const ClampHyper& hyper, const Team& team);

// grad = 0; the gradient that will be added to it is the first.
template <typename T>
void gradient_clear(T* grad,            // (count)
                    double* gradients,  // how many are added up, from then on
                    Dim count, const Team& team);

}  // namespace
}  // namespace lamella
