#pragma once

#include "kernels/kernel.h"

// What makes probabilities, or a choice, of the numbers in a row.

namespace lamella {
namespace {

// y_j = e^x_j / sum_k e^x_k. y may be x.
template <typename T>
void softmax_forward(T* y,        // (n, width)
                     const T* x,  // (n, width)
                     Rows n, Dim width, const Team& team);

// dx = y (dy - sum_k dy_k y_k). dx may be dy.
template <typename T>
void softmax_backward(T* dx,        // (n, width)
                      const T* dy,  // (n, width)
                      const T* y,   // (n, width), what the forward made
                      Rows n, Dim width, const Team& team);

// y_j = x_j - log(sum_k e^x_k). y may be x.
template <typename T>
void log_softmax_forward(T* y,        // (n, width)
                         const T* x,  // (n, width)
                         Rows n, Dim width, const Team& team);

// dx = dy - e^y sum_k dy_k. dx may be dy.
template <typename T>
void log_softmax_backward(T* dx,        // (n, width)
                          const T* dy,  // (n, width)
                          const T* y,   // (n, width), what the forward made
                          Rows n, Dim width, const Team& team);

// y = 1 at the first of the largest, 0 elsewhere; the first NaN counts as largest. There is no gradient.
template <typename T>
void hardmax_forward(T* y,        // (n, width)
                     const T* x,  // (n, width)
                     Rows n, Dim width, const Team& team);

}  // namespace
}  // namespace lamella
