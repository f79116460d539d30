#include "kernels/limits.h"

#include "kernels/binder.h"
#include "kernels/cpu/simd.h"

namespace lamella {
namespace {

// Enough to hide the latency of two multiply-adds a cycle, few enough for sixteen registers.
constexpr int kChains = 12;

template <typename T>
void multiply_add_limit(T* out, T* multiply_adds, Dim threads, Dim repeats, const Team& team) {
  if (team.rank == 0) *multiply_adds = static_cast<T>(kChains * kLanes<T>);
  if (team.rank >= threads.value) return;
  Vector<T> chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = splat(static_cast<T>(i));
  const Vector<T> factor = splat(static_cast<T>(0.9999)), term = splat(static_cast<T>(0.5));
  for (Index r = 0; r < repeats.value; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chain[i] = chain[i] * factor + term;
  }
  Vector<T> total = {};
  for (int i = 0; i < kChains; ++i) total += chain[i];
  out[team.rank * 16] = sum<T>(total);
}

template <typename T>
void copy_limit(T* y, const T* x, Rows n, Dim width, const Team& team) {
  const Span span = share(team, n.value * width.value, 1024);
  map(y + span.begin, x + span.begin, span.end - span.begin, [](Vector<T> v) { return v; });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(limits, LAMELLA_KERNEL(multiply_add_limit), LAMELLA_KERNEL(copy_limit))
