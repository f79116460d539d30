#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "program/early_stopping.h"
#include "program/epoch.h"

namespace lamella {

// What is noted of an epoch; Python shows the same under these names.
struct Record {
  double loss, score, seconds, rate, penalty, val_loss, val_score;
  double objective;  // loss and penalty, what is minimised
};

// Which rows an epoch takes, in which order.
struct RowOrder {
  const Index* rows = nullptr;  // null: all, as they lie
  Index count = 0;
  bool shuffled = false;  // by permute(), a function of seed and epoch
  std::uint64_t seed = 0, first_epoch = 0;
};

// Held-out rows: forward in evaluation mode, then the loss of all their outputs.
struct Validation {
  std::shared_ptr<Runner> forward, loss;
  std::shared_ptr<Runner> exchange;  // its range 1 puts averages in the place of weights, and back; or null
  Dataset data{};
  const Index* rows = nullptr;  // null: all
  Index count = 0;
  Index out_bytes = 0;  // outputs of a row
  Index result = 0;     // where the loss's memory holds its result
};

// What is added to the loss: the optimizer's penalty, which a program sums up, and what layers count in scalars, as a
// mean over steps.
struct Penalty {
  std::shared_ptr<Runner> runner;  // or null
  Index place = 0;
  std::vector<Index> totals;
};

// Some epochs in a row of one model, which need nothing from Python in between.
class Stretch {
 public:
  Stretch(std::shared_ptr<Runner> runner, const Dataset& data, const EpochPlan& plan, const RowOrder& order,
          Index epochs, Index rate_place);

  void validate(Validation validation) { validation_ = std::move(validation); }
  void penalize(Penalty penalty) { penalty_ = std::move(penalty); }
  void stop_early(std::shared_ptr<EarlyStopping> stopping, double Record::* monitored) {
    stopping_ = std::move(stopping);
    monitored_ = monitored;
  }
  // Its rows are a part of one epoch: `before` is the part before it, or null; `more`: others follow.
  void be_part(const Stretch* before, bool more) {
    if (before) so_far_ = before->last_;
    plan_.more = more;
  }
  // A row of values for each step of all epochs, or for each epoch.
  void set_timetable(const Timetable& timetable) { plan_.timetable = timetable; }

  // Trains until the epochs are over, patience is, the loss is not finite, or it is interrupted.
  void run(Interrupt& interrupt);

  const std::vector<Record>& records() const { return records_; }
  Ending ending() const { return ending_; }
  bool stopped() const { return stopped_; }          // by early stopping
  const EpochResult& last() const { return last_; }  // the last epoch, complete or not
  const EpochPlan& plan() const { return plan_; }
  Index epochs() const { return epochs_; }
  Runner& runner() { return *runner_; }
  // All whose buffers it needs, the same number in each stretch; null: not used.
  std::vector<Runner*> runners();

 private:
  const Index* order_of(Index epoch);
  void note_validation(Record& record);

  std::shared_ptr<Runner> runner_;
  Dataset data_;
  EpochPlan plan_;
  RowOrder order_;
  Index epochs_, rate_place_;
  std::optional<Validation> validation_;
  std::optional<Penalty> penalty_;
  std::shared_ptr<EarlyStopping> stopping_;
  double Record::* monitored_ = nullptr;
  std::vector<Index> shuffled_;
  std::vector<Record> records_;
  Ending ending_ = Ending::complete;
  bool stopped_ = false;
  EpochResult so_far_, last_;
};

}  // namespace lamella
