#include "kernels/gemm.h"

#include "kernels/cpu/product.h"

namespace lamella {
namespace {

template <typename T>
void gemm(T* c, const T* a, const T* b, Rows m, Dim n, Dim k, Flag transpose_a, Flag transpose_b, const Team& team) {
  const Matrix<T> left = transpose_a.value ? Matrix<T>{a, 1, m.value} : Matrix<T>{a, k.value, 1};
  const Matrix<T> right = transpose_b.value ? Matrix<T>{b, 1, k.value} : Matrix<T>{b, n.value, 1};
  multiply(c, left, right, m.value, n.value, k.value, ProductTail<T>{}, team);
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(gemm, LAMELLA_KERNEL(gemm))
