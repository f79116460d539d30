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

bool on_main_thread() {
  const py::module_ threading = py::module_::import("threading");
  return threading.attr("get_ident")().equal(threading.attr("main_thread")().attr("ident"));
}

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
    std::string called = op.kernel->name;
    for (const FusedOp& fused : op.epilogue) called += std::string(" + ") + fused.kernel->name;
    found.emplace_back(called, seconds[i], cost.multiply_adds, cost.bytes);
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

// The same array, which must have that dtype: a converted copy would not outlive this call.
template <typename T>
py::array_t<T> typed(const py::object& array, const char* what) {
  require(py::isinstance<py::array_t<T>>(array), what, " has another dtype");
  return py::reinterpret_borrow<py::array_t<T>>(array);
}

// Numbers in [0, limit), or null for None; `what` names them in errors.
const Index* numbers_below(const py::object& array, Index limit, const char* what) {
  if (array.is_none()) return nullptr;
  const Index count = typed<Index>(array, what).size();
  const auto* const numbers = static_cast<const Index*>(contiguous(array, what));
  for (Index i = 0; i < count; ++i) {
    require(numbers[i] >= 0 && numbers[i] < limit, what, "[", i, "] is ", numbers[i], ", outside [0, ", limit, ")");
  }
  return numbers;
}

// (partner, share) of each row that an epoch takes, or None.
Mixing read_mixing(const py::object& mixing, const EpochPlan& plan, Index rows, const py::array& y, DType dtype) {
  if (mixing.is_none()) return {};
  const auto [partner, share] = py::cast<std::pair<py::object, py::object>>(mixing);
  const Index partners = py::len(partner), shares = typed<double>(share, "share").size();
  require(partners == plan.rows && shares == plan.rows, "mixing has ", partners, " partners and ", shares,
          " shares for ", plan.rows, " rows");
  require(y.dtype().equal(numpy_dtype(dtype)), "targets that are mixed must be of the model's dtype");
  return {numbers_below(partner, rows, "partner"), static_cast<const double*>(contiguous(share, "share"))};
}

// (places, values) of scalars to set before each step, or None.
Timetable read_timetable(const py::object& timetable, const EpochPlan& plan, const Memory& memory) {
  if (timetable.is_none()) return {};
  const auto [places, values] = py::cast<std::pair<py::object, py::object>>(timetable);
  const auto table = typed<double>(values, "values");
  const Index count = py::len(places), steps = plan.steps();
  require(table.ndim() == 2 && table.shape(0) == steps && table.shape(1) == count, "the timetable is not (", steps,
          " steps, ", count, " scalars)");
  return {numbers_below(places, memory.size(static_cast<int>(Arena::scalars)), "places"), count,
          static_cast<const double*>(contiguous(values, "values"))};
}

std::tuple<double, double, Index, bool> epoch(Runner& runner, const py::array& x, const py::array& y,
                                              const py::object& weight, const py::object& order, Index batch_size,
                                              Index least, bool drop_last, Index result, const py::object& mixing,
                                              const py::object& timetable, Index accumulate) {
  const Index rows = x.shape(0);
  require(rows > 0 && y.shape(0) == rows, "x has ", rows, " rows and y ", y.shape(0));
  require(accumulate >= 1, "accumulate is ", accumulate, " but must be at least 1");
  const Index weight_bytes = weight.is_none() ? 0 : size_of(runner.program().dtype());
  require(weight.is_none() || py::cast<py::array>(weight).nbytes() == rows * weight_bytes, "x has ", rows,
          " rows but weight is not as long");
  const Dataset data{static_cast<const char*>(contiguous(x, "x")),
                     static_cast<const char*>(contiguous(y, "y")),
                     static_cast<const char*>(contiguous(weight, "weight")),
                     rows,
                     x.nbytes() / rows,
                     y.nbytes() / rows,
                     weight_bytes};
  const Index taken = order.is_none() ? rows : static_cast<Index>(py::len(order));
  EpochPlan plan{numbers_below(order, rows, "order"), taken, batch_size, least, drop_last, result, accumulate, {}, {}};
  plan.mixing = read_mixing(mixing, plan, rows, y, runner.program().dtype());
  plan.timetable = read_timetable(timetable, plan, runner.memory());
  EpochResult total{};
  bool signalled = false;
  const bool asks = on_main_thread();  // Python handles signals there alone
  run_unlocked(runner, [&](std::unique_lock<std::mutex>& alone) {
    const auto interrupted = [&] {
      alone.unlock();  // a signal's handler may use the model; so may other threads, between two steps
      if (asks) {
        const py::gil_scoped_acquire acquire;
        signalled = PyErr_CheckSignals() != 0;
      }
      alone.lock();
      return signalled;
    };
    total = runner.epoch(data, plan, interrupted);
  });
  if (signalled) throw py::error_already_set();
  return {total.loss, total.score, total.steps, total.finite};
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
  module.def(
      "epoch_steps",
      [](Index rows, Index batch_size, Index least, bool drop_last) {
        return EpochPlan{nullptr, rows, batch_size, least, drop_last, 0, 1, {}, {}}.steps();
      },
      py::arg("rows"), py::arg("batch_size"), py::arg("least"), py::arg("drop_last"), "Steps of an epoch.");
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
      .def("epoch", &epoch, py::arg("x"), py::arg("y"), py::arg("weight"), py::arg("order"), py::arg("batch_size"),
           py::arg("least"), py::arg("drop_last"), py::arg("result"), py::arg("mixing") = py::none(),
           py::arg("timetable") = py::none(), py::arg("accumulate") = 1,
           "One pass over the rows that order names; (loss, score, steps, finite). mixing: (partner, share) of each; "
           "timetable: (places, values) of scalars to set before each step.")
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
