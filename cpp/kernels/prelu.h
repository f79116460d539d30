#pragma once

#include "kernels/kernel.h"

// ReLU with a learned slope below zero, He et al. 2015: one for all columns, or one a column.

namespace lamella {
namespace {

// y = x > 0 ? x : w x. y may be x if there is no backward, which reads x again.
template <typename T>
void prelu_forward(T* y,        // (n, width)
                   const T* x,  // (n, width)
                   const T* w,  // (1) if shared, else (width)
                   Rows n, Dim width, Flag shared, const Team& team);

// dx = x > 0 ? dy : w dy; dw = sum(x > 0 ? 0 : x dy), over the batch and, if shared, then over the columns; added if
// accumulate. dx may be dy.
template <typename T>
void prelu_backward(T* dx,        // (n, width) or null: not wanted
                    T* dw,        // (1) if shared, else (width)
                    T* partial,   // (width) if shared: sums of each column; else null
                    const T* dy,  // (n, width)
                    const T* x,   // (n, width)
                    const T* w,   // (1) if shared, else (width)
                    Rows n, Dim width, Flag shared, Flag accumulate, const Team& team);

}  // namespace
}  // namespace lamella
