#include "program/epoch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "kernels/loss.h"

namespace lamella {
namespace {

// Long enough for a thread that is woken up to take a lock that is free.
constexpr auto kHandover = std::chrono::microseconds(100);

template <typename T>
void mix(void* out, const void* row, const void* partner, Index bytes, double share) {
  auto* const to = static_cast<T*>(out);
  const auto *const a = static_cast<const T*>(row), *const b = static_cast<const T*>(partner);
  const T mine = static_cast<T>(share), rest = 1 - mine;
  const Index count = bytes / static_cast<Index>(sizeof(T));
  for (Index j = 0; j < count; ++j) to[j] = mine * a[j] + rest * b[j];
}

// Rows of a data set that make up a batch, and where they are gathered.
struct Batch {
  Index begin = 0, rows = 0;
  char *x = nullptr, *y = nullptr, *weight = nullptr;  // weight: null if all rows count once

  void gather(const Dataset& data, const EpochPlan& plan, DType dtype, const Team& team) const {
    const auto mixed = dtype == DType::float32 ? mix<float> : mix<double>;
    const Span mine = share(team, rows, 1);
    for (Index i = mine.begin; i < mine.end; ++i) {
      const Index row = plan.order ? plan.order[begin + i] : begin + i;
      if (!plan.mixing.partner) {
        copy_row(data, row, i, x, y, weight);
        continue;
      }
      const auto combine = [&](char* out, const char* from, Index bytes) {
        mixed(out, from + row * bytes, from + plan.mixing.partner[begin + i] * bytes, bytes,
              plan.mixing.share[begin + i]);
      };
      combine(x + i * data.x_bytes, data.x, data.x_bytes);
      combine(y + i * data.y_bytes, data.y, data.y_bytes);
      if (weight) combine(weight + i * data.weight_bytes, data.weight, data.weight_bytes);
    }
  }
};

}  // namespace

void copy_row(const Dataset& data, Index from, Index to, char* x, char* y, char* weight) {
  std::memcpy(x + to * data.x_bytes, data.x + from * data.x_bytes, static_cast<std::size_t>(data.x_bytes));
  std::memcpy(y + to * data.y_bytes, data.y + from * data.y_bytes, static_cast<std::size_t>(data.y_bytes));
  if (!weight) return;
  const auto bytes = static_cast<std::size_t>(data.weight_bytes);
  std::memcpy(weight + to * data.weight_bytes, data.weight + from * data.weight_bytes, bytes);
}

Index EpochPlan::batch_rows(Index begin) const {
  const Index taken = std::min(batch_size, rows - begin);
  if (drop_last) return taken < batch_size ? 0 : taken;
  const Index after = rows - begin - taken;
  return after < least ? taken + after : taken;
}

Index EpochPlan::steps() const {
  Index count = 0;
  for (Index begin = 0; batch_rows(begin) > 0; begin += batch_rows(begin)) ++count;
  return count;
}

EpochResult run_epoch(Runner& runner, const Dataset& data, const EpochPlan& plan, const EpochResult& so_far,
                      Interrupt& interrupt, std::unique_lock<std::mutex>& alone) {
  const DType dtype = runner.program().dtype();
  const Index most = std::min(plan.batch_size + plan.least, plan.rows);
  runner.reserve(most);
  // Of this step and the next. The epoch's own: between steps others may train the model, too.
  const Buffer x[2] = {Buffer::uninitialized(most * data.x_bytes), Buffer::uninitialized(most * data.x_bytes)};
  const Buffer y[2] = {Buffer::uninitialized(most * data.y_bytes), Buffer::uninitialized(most * data.y_bytes)};
  const Index weights = data.weight ? most * data.weight_bytes : 0;
  const Buffer weight[2] = {Buffer::uninitialized(weights), Buffer::uninitialized(weights)};
  const auto batch_at = [&](Index begin, Index step) {
    return Batch{begin, plan.batch_rows(begin), x[step % 2].data(), y[step % 2].data(), weight[step % 2].data()};
  };
  const int last_range = static_cast<int>(runner.program().ranges().size()) - 1;
  auto* const scalars = reinterpret_cast<double*>(runner.memory().base(static_cast<int>(Arena::scalars)));
  const Timetable& table = plan.timetable;
  EpochResult total = so_far;
  Batch batch = batch_at(0, 0), next;
  batch.gather(data, plan, dtype, Team{0, 1, nullptr, nullptr});
  // Each thread that is done with the step gathers its part of the next batch: no thread has to wait for it.
  const Runner::After gather_next = [&](const Team& team) { next.gather(data, plan, dtype, team); };
  while (batch.rows > 0) {
    next = batch_at(batch.begin + batch.rows, total.steps + 1);
    const double* const values = table.values + (table.by_step ? (total.steps - so_far.steps) * table.count : 0);
    for (Index k = 0; k < table.count; ++k) scalars[table.places[k]] = values[k];
    const bool opens = total.steps % plan.accumulate == 0;
    const bool closes = (total.steps + 1) % plan.accumulate == 0 || (next.rows == 0 && !plan.more);
    runner.run(opens ? 0 : 1, closes ? last_range : last_range - 1, batch.rows,
               {batch.x, batch.y, batch.weight, nullptr}, gather_next);
    batch = next;
    LossResult found;
    std::memcpy(&found, scalars + plan.result, sizeof found);
    total.steps += 1;
    total.losses += found.value * found.weight;
    total.weight += found.weight;
    total.scores += found.score * found.scored;
    total.scored += found.scored;
    if (!std::isfinite(found.value)) {
      total.ending = Ending::diverged;
      break;
    }
    if (interrupt.due()) {
      alone.unlock();  // a signal's handler may use the model; so may other threads, between two steps
      interrupt.poll();
      if (runner.memory().wanted()) std::this_thread::sleep_for(kHandover);
      alone.lock();
    }
    if (interrupt.stopped() && batch.rows > 0) {
      total.ending = Ending::interrupted;
      break;
    }
  }
  return total;
}

}  // namespace lamella
