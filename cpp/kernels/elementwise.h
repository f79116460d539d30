#pragma once

#include "kernels/kernel.h"

// Two matrices, element by element; out may be either.

namespace lamella {
namespace {

// out = in + other.
template <typename T>
void add(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void* hyper);

// out = in * other.
template <typename T>
void multiply(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void* hyper);

}  // namespace
}  // namespace lamella
