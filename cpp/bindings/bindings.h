#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "core/types.h"

namespace lamella {

namespace py = pybind11;

void bind_config(py::module_& module);
void bind_program(py::module_& module);
void bind_runner(py::module_& module);
void bind_step(py::module_& module);
void bind_training(py::module_& module);
void bind_kernels(py::module_& module);

inline py::dtype numpy_dtype(DType dtype) {
  return dtype == DType::float32 ? py::dtype::of<float>() : py::dtype::of<double>();
}

// The data of an array that must be C-contiguous and aligned, or null for None; `what` names it in errors. Python
// converts before it calls, so these checks are the last line, not the user's.
const void* contiguous(const py::object& array, const char* what);
void* writable(const py::object& array, const char* what);

}  // namespace lamella
