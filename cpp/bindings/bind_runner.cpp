#include <cstring>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/unlocked.h"
#include "core/check.h"
#include "program/runner.h"

namespace lamella {
namespace {

void run(Runner& runner, int first, int last, Index n, const py::object& input, const py::object& target,
         const py::object& output) {
  const External external{contiguous(input, "input"), contiguous(target, "target"), nullptr,
                          writable(output, "output")};
  run_unlocked(runner, [&](auto&) { runner.run(first, last, n, external); });
}

// Replays ranges on a batch; what they leave in scalars[result] and the next ones, as LossResult has them.
std::tuple<double, double, double, double> step(Runner& runner, int first, int last, const py::array& x,
                                                const py::array& target, const py::object& weight, Index result) {
  const External external{contiguous(x, "x"), contiguous(target, "target"), contiguous(weight, "weight"), nullptr};
  const Index n = x.shape(0);
  std::tuple<double, double, double, double> found;
  run_unlocked(runner, [&](auto&) {
    runner.run(first, last, n, external);
    const auto* const scalars = reinterpret_cast<const double*>(runner.memory().base(static_cast<int>(Arena::scalars)));
    found = {scalars[result], scalars[result + 1], scalars[result + 2], scalars[result + 3]};
  });
  return found;
}

// Each op of a step: what it is called, the least seconds it took, its multiply-adds and its bytes.
std::vector<std::tuple<std::string, double, double, double>> time_ops(Runner& runner, int first, int last,
                                                                      const py::array& x, const py::array& target,
                                                                      int repeats) {
  const External external{contiguous(x, "x"), contiguous(target, "target"), nullptr, nullptr};
  const Index n = x.shape(0);
  std::vector<double> seconds;
  run_unlocked(runner, [&](auto&) { seconds = runner.time_ops(first, last, n, external, repeats); });
  std::vector<std::tuple<std::string, double, double, double>> found;
  const Program& program = runner.program();
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    const Op& op = program.ops()[static_cast<std::size_t>(program.range(first).begin) + i];
    const Cost cost = program.cost(op, n);
    found.emplace_back(op.called(), seconds[i], cost.multiply_adds, cost.bytes);
  }
  return found;
}

// Copies x into a row buffer, replays ranges, and returns a fresh copy of another row buffer.
py::array exchange(Runner& runner, int first, int last, const py::array& x, const Operand& into, const Operand& from,
                   Index width) {
  const Index n = x.shape(0);
  const DType dtype = runner.program().dtype();
  py::array result(numpy_dtype(dtype), std::vector<py::ssize_t>{n, width});
  const void* const source = contiguous(x, "x");
  void* const target = result.mutable_data();
  const auto x_bytes = static_cast<std::size_t>(x.nbytes());
  const auto result_bytes = static_cast<std::size_t>(result.nbytes());
  run_unlocked(runner, [&](auto&) {
    runner.reserve(n);
    std::memcpy(runner.address(into), source, x_bytes);
    if (first <= last) runner.run(first, last, n, {});
    std::memcpy(target, runner.address(from), result_bytes);
  });
  return result;
}

void blocks(Runner& runner, int first, int last, const py::array& x, const py::array& out, Index block) {
  const Index n = x.shape(0);
  if (n == 0) return;
  require(out.shape(0) == n, "x has ", n, " rows and out ", out.shape(0));
  const auto* const from = static_cast<const char*>(contiguous(x, "x"));
  auto* const to = static_cast<char*>(writable(out, "out"));
  const Index x_bytes = x.nbytes() / n, out_bytes = out.nbytes() / n;
  run_unlocked(runner, [&](auto&) { runner.blocks(first, last, from, x_bytes, to, out_bytes, n, block); });
}

// A NumPy view of a row buffer. It keeps the buffer alive, whatever becomes of the runner's workspace.
py::array view(const Runner& runner, const Operand& buffer, Index n, Index width) {
  require(n <= runner.capacity(), "[Runner] a view of ", n, " rows but room for ", runner.capacity());
  auto* const keeper = new std::shared_ptr<Buffer>(runner.row_buffers());
  const py::capsule base(keeper, [](void* kept) { delete static_cast<std::shared_ptr<Buffer>*>(kept); });
  return py::array(numpy_dtype(runner.program().dtype()), std::vector<py::ssize_t>{n, width}, runner.address(buffer),
                   base);
}

}  // namespace

void bind_runner(py::module_& module) {
  py::class_<Pace>(module, "Pace", "Whether a team of threads gets the cores that it was made for; for tests.")
      .def(py::init<>())
      .def("choose", &Pace::choose, py::arg("wanted"), py::arg("now"), "Threads for the next replay.")
      .def("note", &Pace::note, py::arg("threads"), py::arg("now"), py::arg("seconds"), py::arg("work"),
           "What it took.");

  py::class_<Runner, std::shared_ptr<Runner>>(module, "Runner", "Replays a program against a memory.")
      .def(py::init([](const std::shared_ptr<Program>& program, const std::shared_ptr<Memory>& memory) {
             return std::make_shared<Runner>(program, memory);
           }),
           py::arg("program"), py::arg("memory"))
      .def("reserve", &Runner::reserve, py::arg("n"), "Makes room for n rows.")
      .def("threads", &Runner::threads, py::arg("first"), py::arg("last"), py::arg("n"),
           "How many threads a replay of ranges first..last for n rows gets.")
      .def("run", &run, py::arg("first"), py::arg("last"), py::arg("n"), py::arg("input") = py::none(),
           py::arg("target") = py::none(), py::arg("output") = py::none(), "Replays ranges first..last for n rows.")
      .def("blocks", &blocks, py::arg("first"), py::arg("last"), py::arg("x"), py::arg("out"), py::arg("block"),
           "Forward over all rows of x into out, in blocks.")
      .def("step", &step, py::arg("first"), py::arg("last"), py::arg("x"), py::arg("target"), py::arg("weight"),
           py::arg("result"), "Replays ranges on a batch; (loss, score, weight of the loss, weight of the score).")
      .def("time_ops", &time_ops, py::arg("first"), py::arg("last"), py::arg("x"), py::arg("target"),
           py::arg("repeats"), "Replays ranges op by op; (name, least seconds, multiply-adds, bytes) of each.")
      .def("exchange", &exchange, py::arg("first"), py::arg("last"), py::arg("x"), py::arg("into"), py::arg("from_"),
           py::arg("width"), "Copies x into a row buffer, replays ranges, returns a copy of another row buffer.")
      .def("view", &view, py::arg("buffer"), py::arg("n"), py::arg("width"),
           "A NumPy view of a row buffer, the runner's own until reserve() makes more room.")
      .def_property_readonly("capacity", &Runner::capacity)
      .def_property_readonly("bytes", &Runner::bytes);
}

}  // namespace lamella
