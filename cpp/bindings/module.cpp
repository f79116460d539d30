#include "bindings/bindings.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Native kernels, programs and their runner. Internal: use lamella's Python API.";
  lamella::bind_config(module);
  lamella::bind_program(module);
  lamella::bind_runner(module);
  lamella::bind_step(module);
  lamella::bind_training(module);
  lamella::bind_kernels(module);
}
