#pragma once

#include "program/interrupt.h"
#include "program/runner.h"

// One pass over a set of rows, a step a batch.

namespace lamella {

// Rows of features, targets and perhaps weights, gathered into batches in a given order.
struct Dataset {
  const char* x;
  const char* y;
  const char* weight;  // or null: all rows count once
  Index rows;
  Index x_bytes, y_bytes, weight_bytes;  // of one row
};

// Row i of an epoch is share[i] of its own row and the rest of row partner[i], features and targets alike.
struct Mixing {
  const Index* partner = nullptr;
  const double* share = nullptr;
};

// Scalars to set before each step, such as the rates of a schedule: a row of values a step, or one for the epoch.
struct Timetable {
  const Index* places = nullptr;
  Index count = 0;
  const double* values = nullptr;
  bool by_step = true;
};

struct EpochPlan {
  Index batch_size;
  Index least;     // a last batch of fewer rows joins the one before (batch norm needs two)
  bool drop_last;  // leave out a last, smaller batch
  Index result;    // the scalars that the loss writes to
  // Steps whose gradients are added up before an update. From two on, the first range clears the gradients and the last
  // one updates: they run at the first and the last step of each group, or of what is left of one.
  Index accumulate;

  const Index* order = nullptr;  // rows in the order they are taken, or null: as they lie
  Index rows = 0;                // how many are taken: all that order has, or all there are
  Mixing mixing{};
  Timetable timetable{};
  bool more = false;  // other rows of the same epoch follow, by a plan of their own

  // How many rows the batch at `begin` has; 0 after the last one.
  Index batch_rows(Index begin) const;
  Index steps() const;
};

enum class Ending { complete, diverged, interrupted };

struct EpochResult {
  double losses = 0, weight = 0;  // sums over batches: of their losses times what their rows count, and of that
  double scores = 0, scored = 0;  // likewise
  Index steps = 0;
  Ending ending = Ending::complete;  // diverged: stopped at the first batch whose loss was not finite

  double loss() const { return weight > 0 ? losses / weight : losses; }
  double score() const { return scored > 0 ? scores / scored : scores; }
};

// Trains the runner's model, whose memory is locked by `alone`: unlocked for a moment where `interrupt` is asked.
// `so_far`: what rows of the same epoch gave that came before these.
EpochResult run_epoch(Runner& runner, const Dataset& data, const EpochPlan& plan, const EpochResult& so_far,
                      Interrupt& interrupt, std::unique_lock<std::mutex>& alone);

// Copies row `from` of the data set to row `to` of arrays that are as wide; weight may be null.
void copy_row(const Dataset& data, Index from, Index to, char* x, char* y, char* weight);

}  // namespace lamella
