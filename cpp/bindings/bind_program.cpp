#include <pybind11/native_enum.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/bindings.h"
#include "core/check.h"
#include "program/memory.h"
#include "program/program.h"

namespace lamella {
namespace {

// A NumPy view of `count` elements of an arena, shaped, that keeps the memory alive.
py::array view(const std::shared_ptr<Memory>& memory, Arena arena, int slot, Index offset,
               const std::vector<py::ssize_t>& shape) {
  const int which = static_cast<int>(arena) + slot;
  Index count = 1;
  for (const py::ssize_t extent : shape) count *= extent;
  require(offset >= 0 && offset + count <= memory->size(which), "[Memory] a view of ", count, " elements at ", offset,
          " leaves its arena of ", memory->size(which));
  const bool fields = arena == Arena::scalars;
  const Index element = fields ? 8 : size_of(memory->dtype());
  return py::array(fields ? py::dtype::of<double>() : numpy_dtype(memory->dtype()), shape,
                   memory->base(which) + offset * element, py::cast(memory));
}

// The list of ops: range, name and sizes of each.
std::vector<std::tuple<std::string, std::string, std::vector<Index>>> ops(const Program& program) {
  std::vector<std::tuple<std::string, std::string, std::vector<Index>>> found;
  for (const Range& range : program.ranges()) {
    for (int i = range.begin; i < range.end; ++i) {
      const Op& op = program.ops()[static_cast<std::size_t>(i)];
      found.emplace_back(range.name, op.called(), op.sizes);
    }
  }
  return found;
}

}  // namespace

void bind_program(py::module_& module) {
  py::native_enum<DType>(module, "DType", "enum.Enum", "Element type of a model's arrays.")
      .value("float32", DType::float32)
      .value("float64", DType::float64)
      .finalize();

  py::native_enum<Arena>(module, "Arena", "enum.Enum", "Where an operand lies.")
      .value("none", Arena::none)
      .value("values", Arena::values)
      .value("grads", Arena::grads)
      .value("state", Arena::state)
      .value("scalars", Arena::scalars)
      .value("rows", Arena::rows)
      .value("fixed", Arena::fixed)
      .value("input", Arena::input)
      .value("target", Arena::target)
      .value("weight", Arena::weight)
      .value("output", Arena::output)
      .value("slots", Arena::slots)
      .finalize();

  py::class_<Operand>(module, "Operand", "An arena, an offset and a size: where an op finds its data.")
      .def(py::init([](Arena arena, Index offset, Index size, int slot) {
             return Operand{static_cast<int>(arena) + slot, offset, size};
           }),
           py::arg("arena"), py::arg("offset") = 0, py::arg("size") = 1, py::arg("slot") = 0)
      .def_property_readonly("arena",
                             [](const Operand& operand) {
                               return static_cast<Arena>(std::min(operand.arena, static_cast<int>(Arena::slots)));
                             })
      .def_readonly("offset", &Operand::offset)
      .def_readonly("size", &Operand::size)
      .def("__eq__", [](const Operand& a,
                        const py::object& b) { return py::isinstance<Operand>(b) && a == py::cast<Operand>(b); })
      .def("__hash__", [](const Operand& a) { return py::hash(py::make_tuple(a.arena, a.offset)); });

  py::class_<Program, std::shared_ptr<Program>>(module, "Program", "A flat list of ops, in ranges.")
      .def(py::init<DType>(), py::arg("dtype"))
      .def("rows", &Program::rows, py::arg("width"), "A buffer of `width` elements a row.")
      .def("keep", &Program::keep, py::arg("buffer"), "This row buffer is touched between replays, too.")
      .def("fixed", &Program::fixed, py::arg("count"), "A buffer of `count` elements.")
      .def("open_range", &Program::open_range, py::arg("name"), "Starts a range; returns its number.")
      .def("tick", &Program::tick, py::arg("scalar"), "The last range counts this scalar up at each replay.")
      .def("append", &Program::append, py::arg("kernel"), py::arg("operands"), py::arg("sizes"), py::arg("hyper") = -1,
           "Appends an op to the last range.")
      .def("finalize", &Program::finalize, "Fuses ops, lays out buffers, places barriers.")
      .def_property_readonly("num_ranges", [](const Program& program) { return program.ranges().size(); })
      .def_property_readonly("ops", &ops, "(range, name, sizes) of each op.")
      .def_property_readonly("row_elements", &Program::row_elements)
      .def_property_readonly("dtype", &Program::dtype)
      .def("__str__", &Program::describe);

  py::class_<Memory, std::shared_ptr<Memory>>(module, "Memory",
                                              "Values, gradients, slots, state and scalars of one model.")
      .def(py::init<DType, Index, Index, Index>(), py::arg("dtype"), py::arg("values"), py::arg("state"),
           py::arg("scalars"))
      .def("add_slots", &Memory::add_slots, py::arg("count"), py::arg("elements") = -1)
      .def("release_slots", &Memory::release_slots, py::arg("first"), py::arg("count"))
      .def("add_scalars", &Memory::add_scalars, py::arg("count"))
      .def("release_scalars", &Memory::release_scalars, py::arg("first"), py::arg("count"))
      .def(
          "size", [](const Memory& memory, Arena arena) { return memory.size(static_cast<int>(arena)); },
          py::arg("arena"))
      .def("view", &view, py::arg("arena"), py::arg("slot"), py::arg("offset"), py::arg("shape"),
           "A NumPy view, without a copy.")
      .def_property_readonly("dtype", &Memory::dtype);
}

}  // namespace lamella
