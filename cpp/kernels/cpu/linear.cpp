#include "kernels/linear.h"

#include "kernels/cpu/product.h"

namespace lamella {
namespace {

template <typename T>
void linear_forward(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                    const Team& team) {
  ProductTail<T> tail;
  tail.bias = b;
  tail.epilogue = epilogue;
  multiply(y, Matrix<T>{x, in.value, 1}, Matrix<T>{w, out.value, 1}, n.value, out.value, in.value, tail, team);
}

template <typename T>
void linear_backward_input(T* dx, const T* dy, const T* w, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                           const Team& team) {
  ProductTail<T> tail;
  tail.epilogue = epilogue;
  multiply(dx, Matrix<T>{dy, out.value, 1}, Matrix<T>{w, 1, out.value}, n.value, in.value, out.value, tail, team);
}

template <typename T>
void linear_backward_weight(T* dw, T* db, const T* dy, const T* x, Rows n, Dim in, Dim out, Flag accumulate,
                            const Team& team) {
  ProductTail<T> tail;
  tail.accumulate = accumulate.value;
  multiply(dw, Matrix<T>{x, 1, in.value}, Matrix<T>{dy, out.value, 1}, in.value, out.value, n.value, tail, team);

  if (!db) return;
  // Each thread sums its own columns down all rows, vector by vector.
  const Span cols = share(team, out.value, kLanes<T>);
  for (Index j = cols.begin; j < cols.end; j += kLanes<T>) {
    const Index used = cols.end - j < kLanes<T> ? cols.end - j : kLanes<T>;
    Vector<T> total = {};
    if (used == kLanes<T>) {
      for (Index i = 0; i < n.value; ++i) total += load(dy + i * out.value + j);
      store(db + j, accumulate.value ? load(db + j) + total : total);
    } else {
      for (Index i = 0; i < n.value; ++i) total += load_part(dy + i * out.value + j, used);
      store_part(db + j, accumulate.value ? load_part(db + j, used) + total : total, used);
    }
  }
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(linear, LAMELLA_KERNEL(linear_forward), LAMELLA_KERNEL(linear_backward_input),
               LAMELLA_KERNEL(linear_backward_weight))
