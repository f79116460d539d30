#pragma once

#include "kernels/kernel.h"

// Scaling of columns by numbers that are not trained, such as the training set's means and deviations, and of rows by
// their own norms.

namespace lamella {
namespace {

struct ScalingHyper {
  double offset;  // where a column's center goes
};

// y = (x - center) / scale + offset; where scale is 0, as for a column of one value, y = offset. y may be x. The
// epilogue is applied to some finished rows at a time.
template <typename T>
void scale_columns_forward(T* y,             // (n, width)
                           const T* x,       // (n, width)
                           const T* center,  // (width)
                           const T* scale,   // (width) or null: 1
                           Rows n, Dim width, const ScalingHyper& hyper, const Epilogue<T>& epilogue, const Team& team);

// dx = dy / scale, 0 where scale is 0. dx may be dy.
template <typename T>
void scale_columns_backward(T* dx,           // (n, width)
                            const T* dy,     // (n, width)
                            const T* scale,  // (width)
                            Rows n, Dim width, const Team& team);

// The way back: y = (x - offset) scale + center. y may be x.
template <typename T>
void unscale_columns_forward(T* y,             // (n, width)
                             const T* x,       // (n, width)
                             const T* center,  // (width)
                             const T* scale,   // (width)
                             Rows n, Dim width, const ScalingHyper& hyper, const Epilogue<T>& epilogue,
                             const Team& team);

// dx = dy scale. dx may be dy.
template <typename T>
void unscale_columns_backward(T* dx,           // (n, width)
                              const T* dy,     // (n, width)
                              const T* scale,  // (width)
                              Rows n, Dim width, const Team& team);

struct NormalizeHyper {
  double eps;  // what a row is divided by at least
};

template <typename T>
using NormalizeForward = void(T* y,        // (n, width)
                              T* divisor,  // (n)
                              const T* x,  // (n, width)
                              Rows n, Dim width, const NormalizeHyper& hyper, const Epilogue<T>& epilogue,
                              const Team& team);

template <typename T>
using NormalizeBackward = void(T* dx,             // (n, width)
                               const T* dy,       // (n, width)
                               const T* y,        // (n, width), what the forward made
                               const T* divisor,  // (n)
                               Rows n, Dim width, const NormalizeHyper& hyper, const Team& team);

// normalize_NORM_forward: y = x / max(|x|, eps), with a norm |x| of the row; saves what each row was divided by. y may
// be x. normalize_NORM_backward: dx = (dy - s sum(dy y)) / divisor, s = d|x| / dx; dy / divisor where the norm was not
// above eps. dx may be dy.
//
//   NORM   |x|                  s
//   l1     sum |x_j|            sign(y)
//   l2     sqrt(sum x_j^2)      y
//   max    largest |x_j|        sign(y) / m at the m largest, 0 elsewhere

}  // namespace
}  // namespace lamella
