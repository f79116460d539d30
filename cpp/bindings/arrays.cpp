#include "bindings/bindings.h"
#include "core/check.h"

namespace lamella {
namespace {

void check_layout(const py::array& view, const char* what) {
  require((view.flags() & py::array::c_style) != 0, what, " is not C-contiguous");
  require((view.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0, what, " is not aligned");
}

}  // namespace

const void* contiguous(const py::object& array, const char* what) {
  if (array.is_none()) return nullptr;
  const auto view = py::cast<py::array>(array);
  check_layout(view, what);
  return view.data();
}

void* writable(const py::object& array, const char* what) {
  if (array.is_none()) return nullptr;
  auto view = py::cast<py::array>(array);
  check_layout(view, what);
  return view.mutable_data();
}

}  // namespace lamella
