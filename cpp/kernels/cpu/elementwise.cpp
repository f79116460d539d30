#include "kernels/elementwise.h"

#include "kernels/binder.h"
#include "kernels/cpu/simd.h"

namespace lamella {
namespace {

template <typename T>
void add(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void*) {
  const T* const second = static_cast<const T*>(other) + at;
  for (Index i = 0; i < rows; ++i) {
    map(out + i * ld, in + i * ld, second + i * ld, cols, [](Vector<T> a, Vector<T> b) { return a + b; });
  }
}

template <typename T>
void multiply(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void*) {
  const T* const second = static_cast<const T*>(other) + at;
  for (Index i = 0; i < rows; ++i) {
    map(out + i * ld, in + i * ld, second + i * ld, cols, [](Vector<T> a, Vector<T> b) { return a * b; });
  }
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(elementwise, LAMELLA_TILE(add, backward, NoHyper), LAMELLA_TILE(multiply, backward, NoHyper))
