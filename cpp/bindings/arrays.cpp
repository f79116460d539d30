#include "bindings/bindings.h"
#include "core/check.h"

namespace lamella {

const void* contiguous(const py::object& array, const char* what) {
  if (array.is_none()) return nullptr;
  const auto view = py::cast<py::array>(array);
  require((view.flags() & py::array::c_style) != 0, what, " is not C-contiguous");
  return view.data();
}

void* writable(const py::object& array, const char* what) {
  if (array.is_none()) return nullptr;
  auto view = py::cast<py::array>(array);
  require((view.flags() & py::array::c_style) != 0, what, " is not C-contiguous");
  return view.mutable_data();
}

}  // namespace lamella
