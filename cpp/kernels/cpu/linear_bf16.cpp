#include "kernels/linear_bf16.h"

#include "kernels/cpu/amx.h"
#include "kernels/cpu/dense.h"

namespace lamella {
namespace {

// Calls f with the arithmetic for T and products of `terms` terms an element.
template <typename T, typename F>
LAMELLA_INLINE void by_arithmetic(Bf16Way way, Index terms, const F& f) {
  if constexpr (sizeof(T) == sizeof(double)) {
    f(Plain<T>{});
  } else {
    const bool amx = terms >= kAmxLeastTerms;
    if (amx && way == Bf16Way::amx) {
      f(Amx<kHasNative>{});
    } else if (amx && way == Bf16Way::amx_emulated) {
      f(Amx<false>{});
    } else if (way == Bf16Way::amx || way == Bf16Way::avx512) {
      f(Bf16<kHasNative>{});
    } else {
      f(Bf16<false>{});
    }
  }
}

template <typename T>
void linear_forward_bf16(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, Bf16Way way,
                         const Epilogue<T>& epilogue, const Team& team) {
  by_arithmetic<T>(way, in.value,
                   [&](auto by) { dense_forward<decltype(by)>(y, x, w, b, n, in, out, epilogue, team); });
}

template <typename T>
void tied_forward_bf16(T* y, const T* x, const T* w, const T* b, Rows n, Dim in, Dim out, Bf16Way way,
                       const Epilogue<T>& epilogue, const Team& team) {
  by_arithmetic<T>(way, out.value,
                   [&](auto by) { dense_transposed<decltype(by)>(y, x, w, b, n, in, out, epilogue, team); });
}

template <typename T>
void linear_backward_input_bf16(T* dx, const T* dy, const T* w, Rows n, Dim in, Dim out, Bf16Way way,
                                const Epilogue<T>& epilogue, const Team& team) {
  tied_forward_bf16(dx, dy, w, static_cast<const T*>(nullptr), n, in, out, way, epilogue, team);
}

template <typename T>
void linear_backward_weight_bf16(T* dw, T* db, const T* dy, const T* x, Rows n, Dim in, Dim out, Flag accumulate,
                                 Bf16Way way, const Team& team) {
  by_arithmetic<T>(way, n.value,
                   [&](auto by) { dense_weight_gradient<decltype(by)>(dw, db, dy, x, n, in, out, accumulate, team); });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(linear_bf16, LAMELLA_KERNEL(linear_forward_bf16), LAMELLA_KERNEL(tied_forward_bf16),
               LAMELLA_KERNEL(linear_backward_input_bf16), LAMELLA_KERNEL(linear_backward_weight_bf16))
