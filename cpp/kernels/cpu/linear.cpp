#include "kernels/cpu/dense.h"

namespace lamella {
namespace {

template <typename T>
void linear_forward(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                    const Team& team) {
  dense_forward<Plain<T>>(y, x, w, b, n, in, out, epilogue, team);
}

template <typename T>
void tied_forward(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                  const Team& team) {
  dense_transposed<Plain<T>>(y, x, w, b, n, in, out, epilogue, team);
}

template <typename T>
void linear_backward_input(T* dx, const T* dy, const T* w, Rows n, Dim in, Dim out, const Epilogue<T>& epilogue,
                           const Team& team) {
  dense_transposed<Plain<T>>(dx, dy, w, static_cast<const T*>(nullptr), n, in, out, epilogue, team);
}

template <typename T>
void linear_backward_weight(T* dw, T* db, const T* dy, const T* x, Rows n, Dim in, Dim out, Flag accumulate,
                            const Team& team) {
  dense_weight_gradient<Plain<T>>(dw, db, dy, x, n, in, out, accumulate, team);
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(linear, LAMELLA_KERNEL(linear_forward), LAMELLA_KERNEL(tied_forward),
               LAMELLA_KERNEL(linear_backward_input), LAMELLA_KERNEL(linear_backward_weight),
               LAMELLA_KERNEL(column_sums))
