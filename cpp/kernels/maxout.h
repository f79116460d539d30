#pragma once

#include "kernels/kernel.h"

// The largest of some pieces, Goodfellow et al. 2013. Of equal ones the first counts; the first NaN counts as largest.

namespace lamella {
namespace {

// y = max over the pieces of z.
template <typename T>
void maxout_forward(T* y,        // (n, out)
                    const T* z,  // (n, pieces, out)
                    Rows n, Dim out, Number pieces, const Team& team);

// dz = dy in the piece that was the largest, 0 in the others.
template <typename T>
void maxout_backward(T* dz,        // (n, pieces, out)
                     const T* dy,  // (n, out)
                     const T* z,   // (n, pieces, out)
                     Rows n, Dim out, Number pieces, const Team& team);

}  // namespace
}  // namespace lamella
