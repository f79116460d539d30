#include <pybind11/native_enum.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/indices.h"
#include "bindings/targets.h"
#include "bindings/unlocked.h"
#include "program/runner.h"

namespace lamella {
namespace {

// A training step on arrays that are just as the kernels take them: what most steps of a loop are given, checked and
// run in one call. Anything else is left to Python, which converts it or says what is wrong with it.
class QuickStep {
 public:
  QuickStep(std::shared_ptr<Runner> runner, Index width, Index least_rows, Targets targets, Index target_width,
            std::optional<Index> ignored, Index result, std::vector<IndexColumn> indices)
      : runner_(std::move(runner)),
        width_(width),
        least_rows_(least_rows),
        targets_(targets),
        target_width_(target_width),
        ignored_(ignored),
        result_(result),
        indices_(std::move(indices)) {}

  // The loss, or nothing if x, y or weight (which may be None) is not as expected.
  std::optional<double> run(const py::object& x, const py::object& y, const py::object& weight) {
    const Proxy* const features = plain(x, number_type());
    if (!features || features->nd != 2 || features->dimensions[1] != width_) return std::nullopt;
    const Index n = features->dimensions[0];
    if (n < std::max<Index>(least_rows_, 1)) return std::nullopt;
    if (find_bad_index(features->data, runner_->program().dtype(), n, width_, indices_)) return std::nullopt;
    const bool labelled = targets_ == Targets::labels;
    const Proxy* wide = nullptr;
    const Proxy* given = labelled ? plain(y, py::dtype::num_of<std::int32_t>()) : plain(y, number_type());
    if (labelled && !given) given = wide = plain(y, py::dtype::num_of<std::int64_t>());
    if (!given || !shaped(*given, n)) return std::nullopt;
    const Proxy* const weights = weight.is_none() ? nullptr : plain(weight, number_type());
    if (!weight.is_none() && (!weights || weights->nd != 1 || weights->dimensions[0] != n)) return std::nullopt;

    const int last = static_cast<int>(runner_->program().ranges().size()) - 1;
    std::optional<double> loss;
    run_unlocked(*runner_, [&](auto&) {  // what follows changes this object, too: one thread at a time
      const void* target = given->data;
      if (wide) target = encode(reinterpret_cast<const std::int64_t*>(wide->data), n);
      if (labelled && !wide) target = encode(reinterpret_cast<const std::int32_t*>(given->data), n);
      if (!labelled && !all_fit(targets_, given->data, n * target_width_)) target = nullptr;
      if (!target || (weights && !all_fit(Targets::amounts, weights->data, n))) return;
      runner_->run(0, last, n, {features->data, target, weights ? weights->data : nullptr, nullptr});
      loss = reinterpret_cast<const double*>(runner_->memory().base(static_cast<int>(Arena::scalars)))[result_];
    });
    return loss;
  }

 private:
  using Proxy = py::detail::PyArray_Proxy;
  using Api = py::detail::npy_api;

  // A plain NumPy array (no subclass: it may mean something else) in C order, aligned and in native byte order.
  static const Proxy* plain(const py::object& object, int type) {
    if (Py_TYPE(object.ptr()) != Api::get().PyArray_Type_) return nullptr;
    const Proxy* const array = py::detail::array_proxy(object.ptr());
    const auto* const descriptor = py::detail::array_descriptor_proxy(array->descr);
    constexpr int needed = Api::NPY_ARRAY_C_CONTIGUOUS_ | Api::NPY_ARRAY_ALIGNED_;
    const bool fits = descriptor->type_num == type && descriptor->byteorder == '=' && (array->flags & needed) == needed;
    return fits ? array : nullptr;
  }

  int number_type() const { return runner_->program().dtype() == DType::float32 ? Api::NPY_FLOAT_ : Api::NPY_DOUBLE_; }

  // One label a row, or a number for each cell.
  bool shaped(const Proxy& y, Index n) const {
    if (y.nd < 1 || y.dimensions[0] != n) return false;
    if (targets_ == Targets::labels || y.nd == 1)
      return y.nd == 1 && (targets_ == Targets::labels || target_width_ == 1);
    return y.nd == 2 && y.dimensions[1] == target_width_;
  }

  // Classes as the kernels take them, -1 for those that are ignored, or null if another one is no class.
  template <typename Label>
  const void* encode(const Label* from, Index n) {
    labels_.resize(static_cast<std::size_t>(n));
    bool inside = true;
    for (Index i = 0; i < n; ++i) {
      inside &= from[i] >= 0 && from[i] < target_width_;
      labels_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(from[i]);
    }
    if (inside && !(ignored_ && *ignored_ >= 0)) return labels_.data();
    for (Index i = 0; i < n; ++i) {
      const bool ignored = ignored_ == static_cast<Index>(from[i]);
      if (!ignored && (from[i] < 0 || from[i] >= target_width_)) return nullptr;
      if (ignored) labels_[static_cast<std::size_t>(i)] = -1;
    }
    return labels_.data();
  }

  bool all_fit(Targets kind, const void* values, Index count) const {
    return runner_->program().dtype() == DType::float32
               ? first_unfit(kind, static_cast<const float*>(values), count) == count
               : first_unfit(kind, static_cast<const double*>(values), count) == count;
  }

  std::shared_ptr<Runner> runner_;
  Index width_, least_rows_;
  Targets targets_;
  Index target_width_;  // classes, or cells of a row
  std::optional<Index> ignored_;
  Index result_;
  std::vector<IndexColumn> indices_;
  std::vector<std::int32_t> labels_;
};

// The same for Python: where the first element that does not fit stands, -1 if all do.
template <typename T>
Index find_unfit(Targets kind, const py::array_t<T, py::array::c_style>& values) {
  const Index found = first_unfit(kind, values.data(), values.size());
  return found < values.size() ? found : -1;
}

}  // namespace

void bind_step(py::module_& module) {
  py::native_enum<Targets>(module, "Targets", "enum.Enum", "What a loss asks of its targets.")
      .value("labels", Targets::labels)
      .value("values", Targets::values)
      .value("shares", Targets::shares)
      .value("amounts", Targets::amounts)
      .value("signs", Targets::signs)
      .finalize();
  py::class_<QuickStep>(module, "QuickStep", "A training step on arrays that need no conversion.")
      .def(py::init<std::shared_ptr<Runner>, Index, Index, Targets, Index, std::optional<Index>, Index,
                    std::vector<IndexColumn>>(),
           py::arg("runner"), py::arg("width"), py::arg("least_rows"), py::arg("targets"), py::arg("target_width"),
           py::arg("ignored"), py::arg("result"), py::arg("indices"))
      .def("__call__", &QuickStep::run, py::arg("x"), py::arg("y"), py::arg("weight") = py::none(),
           "The loss; None, and nothing done, if x, y or weight is not as the kernels take it.");
  constexpr auto about = "Index of the first element that is not of that kind, in an array read row by row; -1: none.";
  module.def("find_unfit", &find_unfit<float>, py::arg("kind"), py::arg("values").noconvert(), about);
  module.def("find_unfit", &find_unfit<double>, py::arg("kind"), py::arg("values").noconvert(), about);
}

}  // namespace lamella
