#include "kernels/muon.h"

#include "kernels/binder.h"
#include "kernels/cpu/sums.h"

namespace lamella {
namespace {

template <typename T>
void muon_momentum(T* direction, T* momentum, double* sums, const T* value, const T* grad, const double* scale,
                   Dim count, const MuonHyper& hyper, const Team& team) {
  const Preamble<T> before(hyper, scale);
  const T keep = static_cast<T>(hyper.momentum), fresh = static_cast<T>(1 - hyper.momentum);
  const bool nesterov = hyper.nesterov != 0;
  sum_by_chunks<T>(sums, count, team, [&](auto at, Vector<double> total) {
    const Vector<T> g = before.gradient(at.get(grad), at.get(value));
    const Vector<T> m = blend<T>(keep, at.get(momentum), fresh, g);
    const Vector<T> d = nesterov ? blend<T>(keep, m, fresh, g) : m;
    at.put(momentum, m);
    at.put(direction, d);
    return add_squares(total, d);
  });
}

template <typename T>
void muon_normalize(T* out, const T* direction, const double* sums, Dim count, const MuonHyper& hyper,
                    const Team& team) {
  const double length = __builtin_sqrt(in_order(sums, sum_chunks(count.value)));
  const T down = static_cast<T>(1 / (length < hyper.eps ? hyper.eps : length));
  for_vectors<T>(count, team, [&](auto at) { at.put(out, at.get(direction) * down); });
}

template <typename T>
void muon_apply(T* value, const T* direction, Dim out, Dim in, const MuonHyper& hyper, const Team& team) {
  const auto outs = static_cast<double>(out.value), ins = static_cast<double>(in.value);
  const double tall = outs > ins ? outs / ins : 1, most = outs > ins ? outs : ins;
  const double adjusted = hyper.adjusted != 0 ? 0.2 * __builtin_sqrt(most) : __builtin_sqrt(tall);
  const Preamble<T> before(hyper, nullptr);
  const T rate = static_cast<T>(hyper.lr * adjusted);
  for_vectors<T>(Dim{out.value * in.value}, team,
                 [&](auto at) { at.put(value, before.value(at.get(value)) - rate * at.get(direction)); });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(muon, LAMELLA_KERNEL(muon_momentum), LAMELLA_KERNEL(muon_normalize), LAMELLA_KERNEL(muon_apply))
