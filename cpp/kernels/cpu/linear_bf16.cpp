#include "kernels/linear_bf16.h"

#include "kernels/cpu/bf16.h"
#include "kernels/cpu/dense.h"

namespace lamella {
namespace {

// Calls f with the arithmetic for T.
template <typename T, typename F>
LAMELLA_INLINE void by_arithmetic(Flag native, const F& f) {
  if constexpr (sizeof(T) == sizeof(double)) {
    f(Plain<T>{});
  } else if (native.value) {
    f(Bf16<true>{});
  } else {
    f(Bf16<false>{});
  }
}

template <typename T>
void linear_forward_bf16(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, Flag native,
                         const Epilogue<T>& epilogue, const Team& team) {
  by_arithmetic<T>(native, [&](auto by) { dense_forward<decltype(by)>(y, x, w, b, n, in, out, epilogue, team); });
}

template <typename T>
void tied_forward_bf16(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, Flag native,
                       const Epilogue<T>& epilogue, const Team& team) {
  by_arithmetic<T>(native, [&](auto by) { dense_transposed<decltype(by)>(y, x, w, b, n, in, out, epilogue, team); });
}

template <typename T>
void linear_backward_input_bf16(T* dx, const T* dy, const T* w, Rows n, Dim in, Dim out, Flag native,
                                const Epilogue<T>& epilogue, const Team& team) {
  tied_forward_bf16(dx, dy, w, static_cast<const T*>(nullptr), n, in, out, native, epilogue, team);
}

template <typename T>
void linear_backward_weight_bf16(T* dw, T* db, const T* dy, const T* x, Rows n, Dim in, Dim out, Flag accumulate,
                                 Flag native, const Team& team) {
  by_arithmetic<T>(native,
                   [&](auto by) { dense_weight_gradient<decltype(by)>(dw, db, dy, x, n, in, out, accumulate, team); });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(linear_bf16, LAMELLA_KERNEL(linear_forward_bf16), LAMELLA_KERNEL(tied_forward_bf16),
               LAMELLA_KERNEL(linear_backward_input_bf16), LAMELLA_KERNEL(linear_backward_weight_bf16))
