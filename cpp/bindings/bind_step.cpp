#include <pybind11/native_enum.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/indices.h"
#include "bindings/unlocked.h"
#include "program/runner.h"

namespace lamella {
namespace {

// What a loss asks of its targets.
enum class Targets : int {
  labels,  // integer classes
  values,  // numbers, a cell each
  shares   // numbers in [0, 1], a cell each
};

// A training step on arrays that are just as the kernels take them: what most steps of a loop are given, checked and
// run in one call. Anything else is left to Python, which converts it or says what is wrong with it.
class QuickStep {
 public:
  QuickStep(std::shared_ptr<Runner> runner, Index width, Index outputs, Index least_rows, Targets targets, Index result,
            std::vector<IndexColumn> indices)
      : runner_(std::move(runner)),
        width_(width),
        outputs_(outputs),
        least_rows_(least_rows),
        targets_(targets),
        result_(result),
        indices_(std::move(indices)) {}

  // The loss, or nothing if x or y is not as expected.
  std::optional<double> run(const py::object& x, const py::object& y) {
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

    const int last = static_cast<int>(runner_->program().ranges().size()) - 1;
    std::optional<double> loss;
    run_unlocked(*runner_, [&](auto&) {  // what follows changes this object, too: one thread at a time
      const void* target = given->data;
      if (wide) target = encode(reinterpret_cast<const std::int64_t*>(wide->data), n);
      if (labelled && !wide) target = encode(reinterpret_cast<const std::int32_t*>(given->data), n);
      if (targets_ == Targets::shares && !shares(given->data, n * outputs_)) target = nullptr;
      if (!target) return;
      runner_->run(0, last, n, {features->data, target, nullptr});
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

  // One label a row, or a number for each output.
  bool shaped(const Proxy& y, Index n) const {
    if (y.nd < 1 || y.dimensions[0] != n) return false;
    if (targets_ == Targets::labels || y.nd == 1) return y.nd == 1 && (targets_ == Targets::labels || outputs_ == 1);
    return y.nd == 2 && y.dimensions[1] == outputs_;
  }

  // Classes as the kernels take them, or null if one is outside [0, outputs).
  template <typename Label>
  const void* encode(const Label* from, Index n) {
    labels_.resize(static_cast<std::size_t>(n));
    bool inside = true;
    for (Index i = 0; i < n; ++i) {
      inside &= from[i] >= 0 && from[i] < outputs_;
      labels_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(from[i]);
    }
    return inside ? labels_.data() : nullptr;
  }

  bool shares(const void* values, Index count) const {
    return runner_->program().dtype() == DType::float32 ? in_unit(static_cast<const float*>(values), count)
                                                        : in_unit(static_cast<const double*>(values), count);
  }

  template <typename T>
  static bool in_unit(const T* values, Index count) {
    bool inside = true;
    for (Index i = 0; i < count; ++i) inside &= values[i] >= 0 && values[i] <= 1;
    return inside;
  }

  std::shared_ptr<Runner> runner_;
  Index width_, outputs_, least_rows_;
  Targets targets_;
  Index result_;
  std::vector<IndexColumn> indices_;
  std::vector<std::int32_t> labels_;
};

}  // namespace

void bind_step(py::module_& module) {
  py::native_enum<Targets>(module, "Targets", "enum.Enum", "What a loss asks of its targets.")
      .value("labels", Targets::labels)
      .value("values", Targets::values)
      .value("shares", Targets::shares)
      .finalize();
  py::class_<QuickStep>(module, "QuickStep", "A training step on arrays that need no conversion.")
      .def(py::init<std::shared_ptr<Runner>, Index, Index, Index, Targets, Index, std::vector<IndexColumn>>(),
           py::arg("runner"), py::arg("width"), py::arg("outputs"), py::arg("least_rows"), py::arg("targets"),
           py::arg("result"), py::arg("indices"))
      .def("__call__", &QuickStep::run, py::arg("x"), py::arg("y"),
           "The loss; None, and nothing done, if x or y is not as the kernels take it.");
}

}  // namespace lamella
