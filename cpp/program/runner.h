#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/team.h"
#include "program/memory.h"
#include "program/pace.h"
#include "program/program.h"

namespace lamella {

// What a call brings along: arrays that belong to the caller.
struct External {
  const void* input = nullptr;
  const void* target = nullptr;
  const void* weight = nullptr;  // null: all rows count once
  void* output = nullptr;
};

// The data of an epoch: rows of features, targets and perhaps weights, gathered into batches in a given order.
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

// Scalars to set before each step: one row of values a step, such as the rates of a schedule.
struct Timetable {
  const Index* places = nullptr;
  Index count = 0;
  const double* values = nullptr;
};

struct EpochPlan {
  const Index* order;  // rows in the order they are taken, or null: as they lie
  Index rows;          // how many are taken: all that order has, or all there are
  Index batch_size;
  Index least;     // a last batch of fewer rows joins the one before (batch norm needs two)
  bool drop_last;  // leave out a last, smaller batch
  Index result;    // the scalars that the loss writes to
  // Steps whose gradients are added up before an update. From two on, the first range clears the gradients and the last
  // one updates: they run at the first and the last step of each group, or of what is left of one.
  Index accumulate;
  Mixing mixing;
  Timetable timetable;

  // How many rows the batch at `begin` has; 0 after the last one.
  Index batch_rows(Index begin) const;
  Index steps() const;
};

struct EpochResult {
  double loss;   // mean over batches, weighted by what their rows count
  double score;  // likewise
  Index steps;
  bool finite;  // false: stopped at the first batch whose loss was not finite
};

// Replays one program against one memory, with a workspace of its own.
class Runner {
 public:
  Runner(std::shared_ptr<const Program> program, std::shared_ptr<Memory> memory);

  // Makes room for n rows. Not while a forward waits for its backward: the buffers move.
  void reserve(Index n);

  // How many threads such a replay gets.
  int threads(int first, int last, Index n) const;

  // Replays ranges [first, last] for n rows in one parallel region.
  void run(int first, int last, Index n, const External& external);

  // Replays them `repeats` times, all threads waiting for each other before and after each op: the least seconds that
  // each op took, in the order of the list.
  std::vector<double> time_ops(int first, int last, Index n, const External& external, int repeats);

  // One pass over the data, a step a batch. `interrupted` is asked now and then, and stops the epoch
  // between two steps.
  EpochResult epoch(const Dataset& data, const EpochPlan& plan, const std::function<bool()>& interrupted);

  // Forward over any number of rows in blocks of at most `block`. Where ops write to nothing but a block's own rows,
  // each thread takes whole blocks, of a size that its cache holds, and none waits for another.
  void blocks(int first, int last, const char* x, Index x_bytes, char* out, Index out_bytes, Index n, Index block);

  void* address(const Operand& buffer) const;
  std::shared_ptr<lamella::Buffer> row_buffers() const { return workspace_.rows(); }
  const Program& program() const { return *program_; }
  Memory& memory() { return *memory_; }
  Index capacity() const { return workspace_.capacity(); }
  Index bytes() const { return workspace_.bytes(); }

 private:
  Work work(int first, int last) const;

  // run(), and then body(team) on each thread, without a wait in between.
  template <typename Body>
  void run_and(int first, int last, Index n, const External& external, const Body& body);

  // Whether a replay writes to rows and output alone.
  bool rows_are_apart(int first, int last) const;

  // Addresses for one replay, whose ticks it counts.
  Frame begin(int first, int last, Index n, const External& external);

  std::shared_ptr<const Program> program_;
  std::shared_ptr<Memory> memory_;
  Workspace workspace_;
  std::map<std::pair<int, int>, Pace> paces_;  // by ranges
  std::vector<Workspace> block_workspaces_;    // by thread
};

}  // namespace lamella
