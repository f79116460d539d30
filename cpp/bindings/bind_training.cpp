#include <pybind11/native_enum.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/unlocked.h"
#include "bindings/visits.h"
#include "core/check.h"
#include "program/crew.h"

namespace lamella {
namespace {

bool on_main_thread() {
  const py::module_ threading = py::module_::import("threading");
  return threading.attr("get_ident")().equal(threading.attr("main_thread")().attr("ident"));
}

// Calls body(poll) without the GIL, where poll() runs Python's signal handlers if this thread may; what they raise is
// raised in the end, and kept until then: this thread may have to call Python still.
template <typename Body>
void interruptible(const Body& body) {
  std::exception_ptr raised;
  const bool asks = on_main_thread();  // Python handles signals there alone
  unlocked([&] {
    body([&] {
      if (!asks || raised) return raised != nullptr;
      const py::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) raised = std::make_exception_ptr(py::error_already_set());
      return raised != nullptr;
    });
  });
  if (raised) std::rethrow_exception(raised);
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

Index length(const py::object& array, Index otherwise) {
  return array.is_none() ? otherwise : static_cast<Index>(py::len(array));
}

Dataset dataset(const py::array& x, const py::array& y, const py::object& weight, DType dtype) {
  const Index rows = x.shape(0);
  require(rows > 0 && y.shape(0) == rows, "x has ", rows, " rows and y ", y.shape(0));
  const Index weight_bytes = weight.is_none() ? 0 : size_of(dtype);
  require(weight.is_none() || py::cast<py::array>(weight).nbytes() == rows * weight_bytes, "x has ", rows,
          " rows but weight is not as long");
  return {static_cast<const char*>(contiguous(x, "x")),
          static_cast<const char*>(contiguous(y, "y")),
          static_cast<const char*>(contiguous(weight, "weight")),
          rows,
          x.nbytes() / rows,
          y.nbytes() / rows,
          weight_bytes};
}

// (partner, share) of each row that an epoch takes, or None.
Mixing read_mixing(const py::object& mixing, Index taken, const py::array& x, const py::array& y, DType dtype) {
  if (mixing.is_none()) return {};
  const auto [partner, share] = py::cast<std::pair<py::object, py::object>>(mixing);
  const Index partners = py::len(partner), shares = typed<double>(share, "share").size();
  require(partners == taken && shares == taken, "mixing has ", partners, " partners and ", shares, " shares for ",
          taken, " rows");
  require(y.dtype().equal(numpy_dtype(dtype)), "targets that are mixed must be of the model's dtype");
  return {numbers_below(partner, x.shape(0), "partner"), static_cast<const double*>(contiguous(share, "share"))};
}

std::shared_ptr<Stretch> make_stretch(const std::shared_ptr<Runner>& runner, const py::array& x, const py::array& y,
                                      const py::object& weight, const py::object& rows,
                                      const std::optional<std::pair<std::uint64_t, std::uint64_t>>& shuffle,
                                      const py::object& mixing, Index epochs, Index batch_size, Index least,
                                      bool drop_last, Index accumulate, Index result, Index rate_place) {
  const DType dtype = runner->program().dtype();
  const Dataset data = dataset(x, y, weight, dtype);
  const Index scalars = runner->memory().size(static_cast<int>(Arena::scalars));
  require(accumulate >= 1, "accumulate is ", accumulate, " but must be at least 1");
  require(batch_size >= 1, "batch_size is ", batch_size, " but must be at least 1");
  require(result >= 0 && result + 4 <= scalars && rate_place >= 0 && rate_place < scalars, "there are no such scalars");
  RowOrder order{numbers_below(rows, data.rows, "rows"), length(rows, data.rows), shuffle.has_value()};
  if (shuffle) std::tie(order.seed, order.first_epoch) = *shuffle;
  EpochPlan plan{batch_size, least, drop_last, result, accumulate};
  plan.mixing = read_mixing(mixing, order.count, x, y, dtype);
  require(!plan.mixing.partner || (epochs == 1 && !shuffle), "each epoch is mixed in another way");
  return std::make_shared<Stretch>(runner, data, plan, order, epochs, rate_place);
}

using MaybeRunner = std::optional<std::shared_ptr<Runner>>;

// values: (steps of all epochs, or epochs, scalars).
void set_timetable(Stretch& stretch, const py::object& places, const py::object& values, bool by_step) {
  const auto table = typed<double>(values, "values");
  const Index count = py::len(places), rows = stretch.epochs() * (by_step ? stretch.plan().steps() : 1);
  require(table.ndim() == 2 && table.shape(0) == rows && table.shape(1) == count, "the timetable is not (", rows,
          " rows, ", count, " scalars)");
  const Index scalars = stretch.runner().memory().size(static_cast<int>(Arena::scalars));
  stretch.set_timetable({numbers_below(places, scalars, "places"), count,
                         static_cast<const double*>(contiguous(values, "values")), by_step});
}

void validate(Stretch& stretch, const std::shared_ptr<Runner>& forward, const std::shared_ptr<Runner>& loss,
              const MaybeRunner& exchange, Index outputs, Index result, const py::array& x, const py::array& y,
              const py::object& weight, const py::object& rows) {
  const DType dtype = forward->program().dtype();
  Validation held{forward, loss, exchange.value_or(nullptr)};
  held.data = dataset(x, y, weight, dtype);
  held.rows = numbers_below(rows, held.data.rows, "rows");
  held.count = length(rows, held.data.rows);
  held.out_bytes = outputs * size_of(dtype);
  held.result = result;
  stretch.validate(std::move(held));
}

void penalize(Stretch& stretch, const MaybeRunner& runner, Index place, std::vector<Index> totals) {
  const Index scalars = stretch.runner().memory().size(static_cast<int>(Arena::scalars));
  const auto check = [&](Index scalar) { require(scalar >= 0 && scalar < scalars, "there is no scalar ", scalar); };
  check(place);
  for (const Index total : totals) check(total);
  stretch.penalize({runner.value_or(nullptr), place, std::move(totals)});
}

struct Quantity {
  const char* name;
  double Record::* value;
};

constexpr Quantity kQuantities[] = {{"loss", &Record::loss},           {"score", &Record::score},
                                    {"seconds", &Record::seconds},     {"lr", &Record::rate},
                                    {"penalty", &Record::penalty},     {"val_loss", &Record::val_loss},
                                    {"val_score", &Record::val_score}, {"objective", &Record::objective}};

// The quantities of each epoch.
std::map<std::string, std::vector<double>> records(const Stretch& stretch) {
  std::map<std::string, std::vector<double>> found;
  for (const Quantity& quantity : kQuantities) {
    std::vector<double>& values = found[quantity.name];
    for (const Record& record : stretch.records()) values.push_back(record.*quantity.value);
  }
  return found;
}

void stop_early(Stretch& stretch, const std::shared_ptr<EarlyStopping>& stopping, const std::string& monitored) {
  for (const Quantity& quantity : kQuantities) {
    if (quantity.name == monitored) return stretch.stop_early(stopping, quantity.value);
  }
  require(false, "[Stretch] there is no quantity ", monitored);
}

// What an early stopping kept, as bytes.
std::optional<py::array_t<std::uint8_t>> copies(const EarlyStopping& stopping) {
  const auto* const own = reinterpret_cast<const std::uint8_t*>(stopping.copies());
  const Index bytes = stopping.copied_bytes();
  if (!own || bytes == 0) return std::nullopt;
  return py::array_t<std::uint8_t>(bytes, own);
}

void take(EarlyStopping& stopping, double best, Index seen, Index best_epoch, Index waited, const py::object& copies) {
  require(seen >= 0 && best_epoch >= -1 && best_epoch < std::max<Index>(seen, 1), "best_epoch is ", best_epoch, " of ",
          seen);
  require(waited >= 0 && waited <= seen, "waited is ", waited, " of ", seen);
  const Index given = copies.is_none() ? 0 : typed<std::uint8_t>(copies, "copies").size();
  const Index bytes = best_epoch < 0 ? 0 : stopping.copied_bytes();
  require(given == bytes, "copies has ", given, " bytes but must have ", bytes);
  stopping.take({best, seen, best_epoch, waited}, contiguous(copies, "copies"));
}

void be_part(Stretch& stretch, const std::optional<std::shared_ptr<Stretch>>& before, bool more) {
  require(stretch.epochs() == 1, "a part of an epoch has no other epochs");
  stretch.be_part(before ? before->get() : nullptr, more);
}

void run(const std::shared_ptr<Stretch>& stretch) {
  interruptible([&](const auto& poll) {
    std::atomic<bool> stop{false};
    Interrupt interrupt(stop, poll);
    stretch->run(interrupt);
  });
}

void train_many(Stretches stretches, Index models,
                const py::typing::Callable<Stretches(std::shared_ptr<Stretch>)>& next) {
  const Visits visits(on_main_thread());
  const auto ask = [&](const std::shared_ptr<Stretch>& ended) {
    Stretches more;
    visits.pay([&] { more = py::cast<Stretches>(next(ended)); });
    return more;
  };
  interruptible(
      [&](const auto& poll) { train_side_by_side(std::move(stretches), static_cast<std::size_t>(models), ask, poll); });
}

void predict_many(const std::vector<std::shared_ptr<Runner>>& runners, const py::array& x, const py::array& out,
                  Index block) {
  const Index n = x.shape(0), models = static_cast<Index>(runners.size());
  if (n == 0 || models == 0) return;
  require(out.ndim() == 3 && out.shape(0) == models && out.shape(1) == n, "out is not (", models, ", ", n,
          ", outputs)");
  const auto* const from = static_cast<const char*>(contiguous(x, "x"));
  auto* const to = static_cast<char*>(writable(out, "out"));
  const Index x_bytes = x.nbytes() / n, out_bytes = out.nbytes() / n / models;
  unlocked([&] { lamella::predict_side_by_side(runners, from, x_bytes, to, out_bytes, n, block); });
}

}  // namespace

void bind_training(py::module_& module) {
  module.def(
      "epoch_steps",
      [](Index rows, Index batch_size, Index least, bool drop_last) {
        EpochPlan plan{batch_size, least, drop_last, 0, 1};
        plan.rows = rows;
        return plan.steps();
      },
      py::arg("rows"), py::arg("batch_size"), py::arg("least"), py::arg("drop_last"), "Steps of an epoch.");

  py::class_<EarlyStopping, std::shared_ptr<EarlyStopping>>(module, "EarlyStopping",
                                                            "Counts epochs without improvement; keeps the best one.")
      .def(py::init<std::shared_ptr<Memory>, std::vector<Operand>, Index, double, bool, bool>(), py::arg("memory"),
           py::arg("kept"), py::arg("patience"), py::arg("min_delta"), py::arg("rises"), py::arg("small_gains"))
      .def("stops", &EarlyStopping::stops, py::arg("value"), "Takes note of an epoch; whether it was one too many.")
      .def("finish", &EarlyStopping::finish, "Goes back to the best epoch, if it was not the last.")
      .def_property_readonly("best_epoch",
                             [](const EarlyStopping& stopping) -> std::optional<Index> {
                               if (stopping.best_epoch() < 0) return std::nullopt;
                               return stopping.best_epoch();
                             })
      .def_property_readonly("over", &EarlyStopping::over, "Whether the last epoch was one too many.")
      .def_property_readonly(
          "count",
          [](const EarlyStopping& stopping) {
            const EarlyStopping::Count count = stopping.count();
            return std::make_tuple(count.best, count.seen, count.best_epoch, count.waited);
          },
          "Lowest value (with the sign changed if it is to rise), epochs seen, the best one or -1, epochs since a "
          "gain.")
      .def_property_readonly("copies", &copies, "What it keeps of the best epoch, as bytes; None: there was none.")
      .def("take", &take, py::arg("best"), py::arg("seen"), py::arg("best_epoch"), py::arg("waited"), py::arg("copies"),
           "Goes on from another one's count and copies.");

  py::native_enum<Ending>(module, "Ending", "enum.Enum", "How an epoch ended.")
      .value("complete", Ending::complete)
      .value("diverged", Ending::diverged)
      .value("interrupted", Ending::interrupted)
      .finalize();

  py::class_<Stretch, std::shared_ptr<Stretch>>(module, "Stretch",
                                                "Some epochs of one model that need nothing from Python in between.")
      .def(py::init(&make_stretch), py::arg("runner"), py::arg("x"), py::arg("y"), py::arg("weight"), py::arg("rows"),
           py::arg("shuffle"), py::arg("mixing"), py::arg("epochs"), py::arg("batch_size"), py::arg("least"),
           py::arg("drop_last"), py::arg("accumulate"), py::arg("result"), py::arg("rate_place"),
           py::keep_alive<1, 3>(), py::keep_alive<1, 4>(), py::keep_alive<1, 5>(), py::keep_alive<1, 6>(),
           py::keep_alive<1, 8>(),
           "rows: which it takes, or None; shuffle: (seed, number of the first epoch), or None: as they lie; mixing: "
           "(partner, share) of each row.")
      .def("timetable", &set_timetable, py::arg("places"), py::arg("values"), py::arg("by_step"),
           py::keep_alive<1, 2>(), py::keep_alive<1, 3>(), "Scalars to set before each step, or each epoch.")
      .def("validate", &validate, py::arg("forward"), py::arg("loss"), py::arg("exchange"), py::arg("outputs"),
           py::arg("result"), py::arg("x"), py::arg("y"), py::arg("weight"), py::arg("rows"), py::keep_alive<1, 7>(),
           py::keep_alive<1, 8>(), py::keep_alive<1, 9>(), py::keep_alive<1, 10>(),
           "Measures held-out rows after each epoch.")
      .def("penalize", &penalize, py::arg("runner"), py::arg("place"), py::arg("totals"),
           "Notes what is added to the loss: a scalar after a run of that program, and scalars that layers add to.")
      .def("stop_early", &stop_early, py::arg("stopping"), py::arg("monitored"),
           "Ends when patience does; monitored: the quantity in records.")
      .def("be_part", &be_part, py::arg("before"), py::arg("more"),
           "Its rows are a part of one epoch, whose quantities so far it notes; more: other rows follow.")
      .def("run", &run, "Trains, alone on the model's memory.")
      .def_property_readonly("records", &records)
      .def_property_readonly("ending", &Stretch::ending)
      .def_property_readonly("stopped", &Stretch::stopped)
      .def_property_readonly(
          "last", [](const Stretch& stretch) { return std::make_pair(stretch.last().loss(), stretch.last().steps); },
          "Loss and steps of the last epoch, complete or not.");

  py::module_::import("atexit").attr("register")(py::cpp_function(&Visits::close));
  module.def("train_side_by_side", &train_many, py::arg("stretches"), py::arg("models"), py::arg("next"),
             "Trains so many models; next(stretch) is asked for more whenever one has ended.");
  module.def("predict_side_by_side", &predict_many, py::arg("runners"), py::arg("x"), py::arg("out"), py::arg("block"),
             "Forward of many models over all rows of x into out (models, rows, outputs).");
}

}  // namespace lamella
