#include "program/stretch.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/permutation.h"
#include "kernels/loss.h"

namespace lamella {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr Index kBlock = 1024;  // rows of a forward pass

double* scalars_of(Runner& runner) {
  return reinterpret_cast<double*>(runner.memory().base(static_cast<int>(Arena::scalars)));
}

int last_range(const Runner& runner) { return static_cast<int>(runner.program().ranges().size()) - 1; }

}  // namespace

Stretch::Stretch(std::shared_ptr<Runner> runner, const Dataset& data, const EpochPlan& plan, const RowOrder& order,
                 Index epochs, Index rate_place)
    : runner_(std::move(runner)), data_(data), plan_(plan), order_(order), epochs_(epochs), rate_place_(rate_place) {
  plan_.rows = order_.rows ? order_.count : data_.rows;
}

std::vector<Runner*> Stretch::runners() {
  const bool validates = validation_.has_value();
  return {runner_.get(), validates ? validation_->forward.get() : nullptr,
          validates ? validation_->loss.get() : nullptr};
}

const Index* Stretch::order_of(Index epoch) {
  if (!order_.shuffled) return order_.rows;
  shuffled_.resize(static_cast<std::size_t>(plan_.rows));
  permute(shuffled_.data(), plan_.rows, order_.seed, order_.first_epoch + static_cast<std::uint64_t>(epoch));
  if (order_.rows) {
    for (Index& place : shuffled_) place = order_.rows[place];
  }
  return shuffled_.data();
}

void Stretch::note_validation(Record& record) {
  Validation& held = *validation_;
  Runner& forward = *held.forward;
  const int last = last_range(forward);
  const Buffer outputs = Buffer::uninitialized(held.count * held.out_bytes);
  if (held.exchange) held.exchange->run(1, 1, 1, {});
  External given{outputs.data(), held.data.y, held.data.weight, nullptr};
  Buffer y, weight;
  if (!held.rows) {
    forward.blocks(0, last, held.data.x, held.data.x_bytes, outputs.data(), held.out_bytes, held.count, kBlock);
  } else {
    const Buffer x = Buffer::uninitialized(std::min(kBlock, held.count) * held.data.x_bytes);
    y = Buffer::uninitialized(held.count * held.data.y_bytes);
    weight = Buffer::uninitialized(held.data.weight ? held.count * held.data.weight_bytes : 0);
    for (Index begin = 0; begin < held.count; begin += kBlock) {
      const Index n = std::min(kBlock, held.count - begin);
      char* const block_weight = weight.data() ? weight.data() + begin * held.data.weight_bytes : nullptr;
      for (Index i = 0; i < n; ++i) {
        copy_row(held.data, held.rows[begin + i], i, x.data(), y.data() + begin * held.data.y_bytes, block_weight);
      }
      forward.blocks(0, last, x.data(), held.data.x_bytes, outputs.data() + begin * held.out_bytes, held.out_bytes, n,
                     kBlock);
    }
    given.target = y.data();
    given.weight = weight.data();
  }
  if (held.exchange) held.exchange->run(1, 1, 1, {});
  held.loss->run(0, last_range(*held.loss), held.count, given);
  LossResult found;
  std::memcpy(&found, scalars_of(*held.loss) + held.result, sizeof found);
  record.val_loss = found.value;
  record.val_score = found.score;
}

void Stretch::run(Interrupt& interrupt) {
  std::unique_lock<std::mutex> alone = runner_->memory().lock();
  double* const scalars = scalars_of(*runner_);
  EpochPlan plan = plan_;
  const Timetable& table = plan_.timetable;
  const Index steps = plan.steps();
  for (Index epoch = 0; epoch < epochs_; ++epoch) {
    if (penalty_) {
      for (const Index total : penalty_->totals) scalars[total] = 0;
    }
    plan.timetable.values = table.values + epoch * (table.by_step ? steps : 1) * table.count;
    const auto begin = Clock::now();
    plan.order = order_of(epoch);
    last_ = run_epoch(*runner_, data_, plan, so_far_, interrupt, alone);
    ending_ = last_.ending;
    if (ending_ != Ending::complete) return;
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    Record record{last_.loss(), last_.score(), seconds.count(), scalars[rate_place_],
                  kNothing,     kNothing,      kNothing,        last_.loss()};
    if (penalty_) {
      double added = 0;
      for (const Index total : penalty_->totals) added += scalars[total];
      record.penalty = added / static_cast<double>(std::max<Index>(last_.steps, 1));
      if (penalty_->runner) {
        penalty_->runner->run(0, 0, 1, {});
        record.penalty += scalars[penalty_->place];
      }
      record.objective += record.penalty;
    }
    if (validation_) note_validation(record);
    records_.push_back(record);
    if (stopping_) {
      stopped_ = stopping_->stops(record.*monitored_);
      if (stopped_) return;
    }
    if (interrupt.stopped() && epoch + 1 < epochs_) {  // an epoch of a single step looks at nothing in between
      ending_ = Ending::interrupted;
      return;
    }
  }
}

}  // namespace lamella
