#include <algorithm>
#include <optional>
#include <tuple>

#include "bindings/bindings.h"
#include "bindings/indices.h"
#include "bindings/unlocked.h"
#include "core/check.h"
#include "core/permutation.h"
#include "core/threads.h"
#include "kernels/registry.h"
#include "kernels/update.h"

namespace lamella {
namespace {

// One kernel by name on NumPy arrays, as tests and benchmarks want it: `operands` in the kernel's order (None for
// null), `hyper` its settings as 8-byte fields, `repeats` how often the team runs it.
void call_kernel(const std::string& name, const std::vector<py::object>& operands, Index n,
                 const std::vector<Index>& sizes, const py::object& hyper, DType dtype, int threads, int repeats) {
  const KernelEntry& kernel = find_kernel(name);
  const Signature& signature = kernel.signature;
  require(static_cast<int>(operands.size()) == signature.operands, name, " takes ", signature.operands,
          " operands but got ", operands.size());
  require(static_cast<int>(sizes.size()) == signature.sizes, name, " takes ", signature.sizes, " sizes but got ",
          sizes.size());
  void* addresses[kMaxOperands];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const bool output = signature.outputs >> i & 1u;
    addresses[i] =
        output ? writable(operands[i], name.c_str()) : const_cast<void*>(contiguous(operands[i], name.c_str()));
  }
  const double none = 0;
  const void* fields = &none;
  if (signature.hyper > 0) {
    fields = contiguous(hyper, "hyper");
    require(fields && py::cast<py::array>(hyper).nbytes() >= signature.hyper * 8, name, " needs ", signature.hyper,
            " hyper-parameters");
  }
  const Call call{addresses, n, sizes.data(), fields, nullptr, 0};
  const Launch launch = kernel.launch[static_cast<std::size_t>(dtype)];
  unlocked([&] {
    run_team(threads, [&](const Team& team) {
      for (int repeat = 0; repeat < repeats; ++repeat) {
        if (repeat > 0) wait(team);
        launch(call, team);
      }
    });
  });
}

// Rows 0..n-1 in random order, see permute().
py::array_t<Index> permutation(Index n, std::uint64_t seed, std::uint64_t stream) {
  require(n >= 0, "[permutation] n is ", n, " but must not be negative");
  py::array_t<Index> result(n);
  permute(result.mutable_data(), n, seed, stream);
  return result;
}

// Integer class labels as the kernels take them, -1 for those that are ignored; throws at the first other one outside
// [0, classes).
py::array_t<std::int32_t> encode_labels(const py::array_t<Index, py::array::c_style>& labels, Index classes,
                                        std::optional<Index> ignored, const std::string& where) {
  const Index n = labels.size();
  py::array_t<std::int32_t> result(n);
  const Index* const from = labels.data();
  std::int32_t* const to = result.mutable_data();
  for (Index i = 0; i < n; ++i) {
    if (ignored == from[i]) {
      to[i] = -1;
      continue;
    }
    require(from[i] >= 0 && from[i] < classes, where, " y[", i, "] is ", from[i], " but there are ", classes,
            " classes: labels must be in [0, ", classes, ")");
    to[i] = static_cast<std::int32_t>(from[i]);
  }
  return result;
}

// (row, column, count) of the first value that is no whole number in [0, count), or None.
std::optional<std::tuple<Index, Index, Index>> bad_index(const py::array& x, const std::vector<IndexColumn>& columns) {
  require(x.ndim() == 2, "x is not two-dimensional");
  for (const auto& item : columns) {
    require(item.first >= 0 && item.first < x.shape(1), "x has no column ", item.first);
  }
  const bool narrow = x.dtype().is(py::dtype::of<float>());
  require(narrow || x.dtype().is(py::dtype::of<double>()), "x is neither float32 nor float64");
  const DType dtype = narrow ? DType::float32 : DType::float64;
  const auto found = find_bad_index(contiguous(x, "x"), dtype, x.shape(0), x.shape(1), columns);
  if (!found) return std::nullopt;
  return std::make_tuple(found->row, found->column, found->count);
}

}  // namespace

void bind_kernels(py::module_& module) {
  module.def("kernel_names", &kernel_names, "Names of all kernels.");
  module.def("call_kernel", &call_kernel, py::arg("name"), py::arg("operands"), py::arg("n"), py::arg("sizes"),
             py::arg("hyper"), py::arg("dtype"), py::arg("threads") = 1, py::arg("repeats") = 1,
             "Runs one kernel on NumPy arrays.");
  module.def("sum_chunks", &sum_chunks, py::arg("count"), "In how many pieces kernels add up so many elements.");
  module.def("permutation", &permutation, py::arg("n"), py::arg("seed"), py::arg("stream"), "0..n-1 in random order.");
  module.def("encode_labels", &encode_labels, py::arg("labels"), py::arg("classes"), py::arg("ignored"),
             py::arg("where"), "Checks class labels and converts them to int32, those to be ignored to -1.");
  module.def(
      "find_bad_index", &bad_index, py::arg("x"), py::arg("columns"),
      "(row, column, count) of the first value that is no whole number in [0, count); columns: (column, count).");
}

}  // namespace lamella
