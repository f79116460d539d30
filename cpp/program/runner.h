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
  std::shared_ptr<lamella::Buffer> row_buffers() const { return workspaces_.whole.rows(); }
  const Program& program() const { return *program_; }
  Memory& memory() { return *memory_; }
  // Buffers of rows: all that a replay needs beside the model's memory and the caller's arrays.
  struct Workspaces {
    Workspace whole;
    std::vector<Workspace> blocks;  // by thread
  };
  // Gives other buffers in exchange; what replays left in the old ones is theirs.
  void exchange(Workspaces& other) { std::swap(workspaces_, other); }
  Index capacity() const { return workspaces_.whole.capacity(); }
  Index bytes() const;

 private:
  // Whether a replay writes to rows and output alone.
  bool rows_are_apart(int first, int last) const;

  // Addresses for one replay, whose ticks it counts.
  Frame begin(int first, int last, Index n, const External& external);

  std::shared_ptr<const Program> program_;
  std::shared_ptr<Memory> memory_;
  Workspaces workspaces_;
  std::map<std::pair<int, int>, Pace> paces_;  // by ranges
};

}  // namespace lamella
