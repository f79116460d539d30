#include "kernels/gemm.h"

#include "kernels/binder.h"
#include "kernels/cpu/product.h"

namespace lamella {
namespace {

// A (rows, cols) matrix, or one that is stored as its transpose.
template <typename T>
Matrix<T> stored(const T* data, Index rows, Index cols, Flag transpose) {
  return transpose.value ? Matrix<T>{data, 1, rows} : Matrix<T>{data, cols, 1};
}

template <typename T>
void gemm(T* c, const T* a, const T* b, Rows m, Dim n, Dim k, Flag transpose_a, Flag transpose_b, const Team& team) {
  multiply(c, stored(a, m.value, k.value, transpose_a), stored(b, k.value, n.value, transpose_b), m.value, n.value,
           k.value, ProductTail<T>{}, team);
}

// out = alpha in + beta other, on finished tiles.
template <typename T>
void combine(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld, const void* hyper) {
  const auto& settings = *static_cast<const AffineHyper*>(hyper);
  const T alpha = static_cast<T>(settings.alpha), beta = static_cast<T>(settings.beta);
  const T* const d = other ? static_cast<const T*>(other) + at : nullptr;
  for (Index i = 0; i < rows; ++i) {
    const Index begin = i * ld;
    if (d) {
      map(out + begin, in + begin, d + begin, cols,
          [&](Vector<T> x, Vector<T> y) { return rounded<T>(alpha * x) + beta * y; });
    } else {
      map(out + begin, in + begin, cols, [&](Vector<T> x) { return alpha * x; });
    }
  }
}

template <typename T>
void affine_product(T* c, const T* a, const T* b, const T* d, Dim m, Dim n, Dim k, Flag transpose_a, Flag transpose_b,
                    const AffineHyper& hyper, const Team& team) {
  const Stage stage{reinterpret_cast<AnyTile>(&combine<T>), c, d, &hyper};
  ProductTail<T> tail;
  tail.epilogue = {&stage, 1};
  multiply(c, stored(a, m.value, k.value, transpose_a), stored(b, k.value, n.value, transpose_b), m.value, n.value,
           k.value, tail, team);
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(gemm, LAMELLA_KERNEL(gemm), LAMELLA_KERNEL(affine_product))
