#include "program/runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#include "core/check.h"
#include "core/threads.h"

namespace lamella {
namespace {

using Clock = std::chrono::steady_clock;

// Rows of a prediction are shared among threads from so much work and so many rows a thread; a block's buffers take
// about so many bytes, half of a core's own cache, but it has as many rows as packing of weights needs to pay.
constexpr double kThreadWork = 400000;
constexpr Index kThreadRows = 16;
constexpr Index kBlockBytes = Index{256} << 10;
constexpr Index kBlockRows = 256;

double seconds_now() { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); }

// Where each op's operands are in this frame. Rows: offset x capacity.
struct Resolver {
  const Frame& frame;
  Index element;

  void* address(const Operand& operand) const {
    char* const base = frame.base[static_cast<std::size_t>(operand.arena)];
    if (!base) return nullptr;
    if (operand.in(Arena::scalars)) return base + operand.offset * 8;
    const Index scale = operand.in(Arena::rows) ? frame.capacity : 1;
    return base + operand.offset * scale * element;
  }
};

void launch(const Program& program, const Op& op, const Frame& frame, Index n, const Team& team) {
  const Resolver resolver{frame, size_of(program.dtype())};
  const auto dtype = static_cast<std::size_t>(program.dtype());
  char* const scalars = frame.base[static_cast<std::size_t>(Arena::scalars)];
  void* operands[kMaxOperands];
  for (std::size_t k = 0; k < op.operands.size(); ++k) operands[k] = resolver.address(op.operands[k]);
  Stage stages[kMaxStages];
  int count = 0;
  for (const FusedOp& fused : op.epilogue) {
    stages[count++] = {fused.kernel->tile[dtype], resolver.address(fused.out), resolver.address(fused.other),
                       scalars + fused.hyper * 8};
  }
  op.kernel->launch[dtype]({operands, n, op.sizes.data(), scalars + op.hyper * 8, stages, count}, team);
}

void replay(const Program& program, const Range& range, const Frame& frame, Index n, const Team& team) {
  for (int i = range.begin; i < range.end; ++i) {
    const Op& op = program.ops()[static_cast<std::size_t>(i)];
    if (op.barrier) wait(team);
    launch(program, op, frame, n, team);
  }
}

}  // namespace

Runner::Runner(std::shared_ptr<const Program> program, std::shared_ptr<Memory> memory)
    : program_(std::move(program)), memory_(std::move(memory)) {
  require(program_->finalized(), "[Runner] the program is not finalized");
  require(program_->dtype() == memory_->dtype(), "[Runner] program and memory differ in dtype");
}

void Runner::reserve(Index n) {
  workspaces_.whole.reserve(n, program_->row_elements(), program_->fixed_elements(), program_->dtype());
}

Work Runner::work(int first, int last) const {
  Work work;
  for (int i = first; i <= last; ++i) work.add(program_->range(i).work);
  return work;
}

int Runner::threads(int first, int last, Index n) const { return worthwhile_threads(work(first, last), n); }

Frame Runner::begin(int first, int last, Index n, const External& external) {
  reserve(std::min<Index>(n, program_->row_elements() > 0 ? n : 1));
  Frame frame;
  memory_->bind(frame);
  workspaces_.whole.bind(frame);
  frame.base[static_cast<std::size_t>(Arena::input)] = static_cast<char*>(const_cast<void*>(external.input));
  frame.base[static_cast<std::size_t>(Arena::target)] = static_cast<char*>(const_cast<void*>(external.target));
  frame.base[static_cast<std::size_t>(Arena::weight)] = static_cast<char*>(const_cast<void*>(external.weight));
  frame.base[static_cast<std::size_t>(Arena::output)] = static_cast<char*>(external.output);
  auto* const scalars = reinterpret_cast<double*>(frame.base[static_cast<std::size_t>(Arena::scalars)]);
  for (int i = first; i <= last; ++i) {
    for (const Index scalar : program_->range(i).ticks) scalars[scalar] += 1;
  }
  return frame;
}

void Runner::run(int first, int last, Index n, const External& external, const After& after) {
  const Frame frame = begin(first, last, n, external);
  const auto replay_all = [&](const Team& team) {
    for (int i = first; i <= last; ++i) {
      if (i > first) wait(team);
      replay(*program_, program_->range(i), frame, n, team);
    }
    if (after) after(team);
  };
  const Work all = work(first, last);
  const int wanted = worthwhile_threads(all, n);
  if (wanted == 1 || shares_all_work()) {
    run_team(wanted, replay_all);
    return;
  }
  Pace& pace = paces_[{first, last}];
  const double start = seconds_now();
  const int threads = pace.choose(wanted, start);
  run_team(threads, replay_all);
  const double end = seconds_now();
  pace.note(threads, end, end - start, all.total(n));
}

std::vector<double> Runner::time_ops(int first, int last, Index n, const External& external, int repeats) {
  const int begin_op = program_->range(first).begin, end_op = program_->range(last).end;
  std::vector<double> least(static_cast<std::size_t>(std::max(end_op - begin_op, 0)),
                            std::numeric_limits<double>::infinity());
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const Frame frame = begin(first, last, n, external);
    run_team(threads(first, last, n), [&](const Team& team) {
      for (int i = begin_op; i < end_op; ++i) {
        wait(team);
        const auto start = Clock::now();
        launch(*program_, program_->ops()[static_cast<std::size_t>(i)], frame, n, team);
        wait(team);
        const std::chrono::duration<double> taken = Clock::now() - start;
        double& best = least[static_cast<std::size_t>(i - begin_op)];
        if (team.rank == 0) best = std::min(best, taken.count());
      }
    });
  }
  return least;
}

bool Runner::rows_are_apart(int first, int last) const {
  const auto apart = [](const Operand& operand) { return operand.in(Arena::rows) || operand.in(Arena::output); };
  for (int r = first; r <= last; ++r) {
    if (!program_->range(r).ticks.empty()) return false;
    for (int i = program_->range(r).begin; i < program_->range(r).end; ++i) {
      const Op& op = program_->ops()[static_cast<std::size_t>(i)];
      for (std::size_t k = 0; k < op.operands.size(); ++k) {
        if ((op.kernel->signature.outputs >> k & 1u) && !apart(op.operands[k])) return false;
      }
    }
  }
  return true;
}

void Runner::blocks(int first, int last, const char* x, Index x_bytes, char* out, Index out_bytes, Index n,
                    Index block) {
  const double worth = work(first, last).total(n) / kThreadWork;
  const auto threads = static_cast<int>(
      std::min<double>({worth, static_cast<double>(n / kThreadRows), static_cast<double>(max_threads())}));
  if (threads <= 1 || !rows_are_apart(first, last)) {
    reserve(std::min(n, block));
    for (Index begin = 0; begin < n; begin += block) {
      const Index rows = std::min(block, n - begin);
      run(first, last, rows, {x + begin * x_bytes, nullptr, nullptr, out + begin * out_bytes});
    }
    return;
  }
  const Index row_bytes = program_->row_elements() * size_of(program_->dtype()) + x_bytes + out_bytes;
  const Index cached = std::max(kBlockBytes / row_bytes, kBlockRows), even = (n + threads - 1) / threads;
  const Index piece = std::min({block, cached, even});
  if (static_cast<int>(workspaces_.blocks.size()) < threads)
    workspaces_.blocks.resize(static_cast<std::size_t>(threads));
  for (Workspace& workspace : workspaces_.blocks) {
    workspace.reserve(piece, program_->row_elements(), program_->fixed_elements(), program_->dtype());
  }
  std::atomic<Index> taken{0};
  run_team(threads, [&](const Team& team) {
    Frame frame;
    memory_->bind(frame);
    workspaces_.blocks[static_cast<std::size_t>(team.rank)].bind(frame);
    const Team alone{0, 1, nullptr, team.scratch};
    for (Index begin = piece * taken++; begin < n; begin = piece * taken++) {
      frame.base[static_cast<std::size_t>(Arena::input)] = const_cast<char*>(x) + begin * x_bytes;
      frame.base[static_cast<std::size_t>(Arena::output)] = out + begin * out_bytes;
      for (int r = first; r <= last; ++r) {
        replay(*program_, program_->range(r), frame, std::min(piece, n - begin), alone);
      }
    }
  });
}

Index Runner::bytes() const {
  Index bytes = workspaces_.whole.bytes();
  for (const Workspace& block : workspaces_.blocks) bytes += block.bytes();
  return bytes;
}

void* Runner::address(const Operand& buffer) const {
  Frame frame;
  memory_->bind(frame);
  workspaces_.whole.bind(frame);
  return Resolver{frame, size_of(program_->dtype())}.address(program_->resolve(buffer));
}

}  // namespace lamella
