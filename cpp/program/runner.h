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

// Replays one program against one memory, with a workspace of its own.
class Runner {
 public:
  Runner(std::shared_ptr<const Program> program, std::shared_ptr<Memory> memory);

  // Makes room for n rows. Not while a forward waits for its backward: the buffers move.
  void reserve(Index n);

  // What a replay of ranges [first, last] computes, and how many threads it gets.
  Work work(int first, int last) const;
  int threads(int first, int last, Index n) const;

  // Replays ranges [first, last] for n rows in one parallel region, and then calls after(team) on each thread, without
  // a wait in between.
  using After = std::function<void(const Team&)>;
  void run(int first, int last, Index n, const External& external, const After& after = nullptr);

  // Replays them `repeats` times, all threads waiting for each other before and after each op: the least seconds that
  // each op took, in the order of the list.
  std::vector<double> time_ops(int first, int last, Index n, const External& external, int repeats);

  // Forward over any number of rows in blocks of at most `block`. Where ops write to nothing but a block's own rows,
  // each thread takes whole blocks, of a size that its cache holds, and none waits for another.
  void blocks(int first, int last, const char* x, Index x_bytes, char* out, Index out_bytes, Index n, Index block);

  void* address(const Operand& buffer) const;
  std::shared_ptr<lamella::Buffer> row_buffers() const { return workspace_.rows(); }
  const Program& program() const { return *program_; }
  Memory& memory() { return *memory_; }
  Workspace& workspace() { return workspace_; }
  Index capacity() const { return workspace_.capacity(); }
  Index bytes() const { return workspace_.bytes(); }

 private:
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
