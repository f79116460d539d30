#include "kernels/activation.h"

#include "kernels/binder.h"
#include "kernels/cpu/math.h"

namespace lamella {
namespace {

template <typename T, typename F>
LAMELLA_INLINE void forward_tile(T* out, const T* in, Index rows, Index cols, Index ld, const F& f) {
  for (Index i = 0; i < rows; ++i) map(out + i * ld, in + i * ld, cols, f);
}

template <typename T, typename F>
LAMELLA_INLINE void backward_tile(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld,
                                  const F& f) {
  const T* const y = static_cast<const T*>(other) + at;
  for (Index i = 0; i < rows; ++i) map(out + i * ld, in + i * ld, y + i * ld, cols, f);
}

template <typename T>
void relu_forward(T* out, const T* in, const void*, Index, Index rows, Index cols, Index ld, const void*) {
  forward_tile(out, in, rows, cols, ld, [](Vector<T> x) { return x < 0 ? Vector<T>{} : x; });
}

template <typename T>
void relu_backward(T* out, const T* in, const void* y, Index at, Index rows, Index cols, Index ld, const void*) {
  backward_tile(out, in, y, at, rows, cols, ld, [](Vector<T> dy, Vector<T> v) { return v > 0 ? dy : Vector<T>{}; });
}

template <typename T>
void tanh_forward(T* out, const T* in, const void*, Index, Index rows, Index cols, Index ld, const void*) {
  forward_tile(out, in, rows, cols, ld, [](Vector<T> x) { return tanh<T>(x); });
}

template <typename T>
void tanh_backward(T* out, const T* in, const void* y, Index at, Index rows, Index cols, Index ld, const void*) {
  backward_tile(out, in, y, at, rows, cols, ld, [](Vector<T> dy, Vector<T> v) { return dy * (1 - v * v); });
}

template <typename T>
void sigmoid_forward(T* out, const T* in, const void*, Index, Index rows, Index cols, Index ld, const void*) {
  forward_tile(out, in, rows, cols, ld, [](Vector<T> x) { return logistic<T>(x); });
}

template <typename T>
void sigmoid_backward(T* out, const T* in, const void* y, Index at, Index rows, Index cols, Index ld, const void*) {
  backward_tile(out, in, y, at, rows, cols, ld, [](Vector<T> dy, Vector<T> v) { return dy * (v * (1 - v)); });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(activation, LAMELLA_TILE(relu_forward, forward, NoHyper), LAMELLA_TILE(relu_backward, backward, NoHyper),
               LAMELLA_TILE(tanh_forward, forward, NoHyper), LAMELLA_TILE(tanh_backward, backward, NoHyper),
               LAMELLA_TILE(sigmoid_forward, forward, NoHyper), LAMELLA_TILE(sigmoid_backward, backward, NoHyper))
