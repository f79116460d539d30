#include <algorithm>
#include <vector>

#include "program/program.h"

// Gives every buffer its place, and finds where threads must wait for each other.

namespace lamella {
namespace {

struct Life {
  int first = -1, last = -1;  // ops that use the buffer; -1: none does

  void use(int op) {
    if (first < 0) first = op;
    last = op;
  }
  bool overlaps(const Life& other) const { return first <= other.last && other.first <= last; }
};

}  // namespace

// Row buffers whose lives do not meet share space: largest first, each at the lowest place that is free all its life.
// Sizes are a row's; a workspace of capacity c (a multiple of 16) puts them at c times these offsets.
void Program::lay_out() {
  std::vector<Life> lives(row_buffers_.size());
  const auto note = [&](const Operand& operand, int op) {
    if (operand.in(Arena::rows)) lives[static_cast<std::size_t>(operand.offset)].use(op);
  };
  for (int i = 0; i < static_cast<int>(ops_.size()); ++i) {
    const Op& op = ops_[static_cast<std::size_t>(i)];
    for (const Operand& operand : op.operands) note(operand, i);
    for (const FusedOp& fused : op.epilogue) {
      note(fused.out, i);
      note(fused.other, i);
    }
  }
  std::vector<std::size_t> order;
  for (std::size_t b = 0; b < row_buffers_.size(); ++b) {
    if (row_buffers_[b].keep) lives[b] = {0, static_cast<int>(ops_.size())};
    if (lives[b].first >= 0) order.push_back(b);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return row_buffers_[a].size > row_buffers_[b].size; });
  std::vector<std::size_t> placed;
  for (const std::size_t b : order) {
    std::vector<std::size_t> rivals;
    for (const std::size_t other : placed) {
      if (lives[b].overlaps(lives[other])) rivals.push_back(other);
    }
    std::sort(rivals.begin(), rivals.end(),
              [&](std::size_t a, std::size_t c) { return row_buffers_[a].offset < row_buffers_[c].offset; });
    Index at = 0;
    for (const std::size_t other : rivals) {
      if (row_buffers_[other].offset >= at + row_buffers_[b].size) break;
      at = std::max(at, row_buffers_[other].offset + row_buffers_[other].size);
    }
    row_buffers_[b].offset = at;
    row_elements_ = std::max(row_elements_, at + row_buffers_[b].size);
    placed.push_back(b);
  }

  for (Buffer& buffer : fixed_buffers_) {
    buffer.offset = fixed_elements_;
    fixed_elements_ += round_up(buffer.size, kAlignment / size_of(dtype_));
  }
}

// A barrier stands before an op that touches what another op wrote, or writes what another op touched, since the last
// barrier. Buffers that share space count as one. Then offsets replace buffer numbers.
void Program::place_barriers() {
  struct Extent {
    int arena;
    Index begin, end;
    bool written;
  };
  const auto extent = [&](const Operand& operand, bool written) {
    if (operand.in(Arena::rows)) {
      const Buffer& buffer = row_buffers_[static_cast<std::size_t>(operand.offset)];
      return Extent{operand.arena, buffer.offset, buffer.offset + buffer.size, written};
    }
    if (operand.in(Arena::fixed)) {
      const Buffer& buffer = fixed_buffers_[static_cast<std::size_t>(operand.offset)];
      return Extent{operand.arena, buffer.offset, buffer.offset + buffer.size, written};
    }
    return Extent{operand.arena, operand.offset, operand.offset + operand.size, written};
  };
  for (const Range& range : ranges_) {
    std::vector<Extent> touched;
    for (int i = range.begin; i < range.end; ++i) {
      Op& op = ops_[static_cast<std::size_t>(i)];
      std::vector<Extent> own;
      for (std::size_t k = 0; k < op.operands.size(); ++k) {
        if (!op.operands[k].in(Arena::none))
          own.push_back(extent(op.operands[k], op.kernel->signature.outputs >> k & 1u));
      }
      for (const FusedOp& fused : op.epilogue) {
        own.push_back(extent(fused.out, true));
        if (!fused.other.in(Arena::none)) own.push_back(extent(fused.other, false));
      }
      for (const Extent& mine : own) {
        for (const Extent& theirs : touched) {
          op.barrier |= mine.arena == theirs.arena && (mine.written || theirs.written) && mine.begin < theirs.end &&
                        theirs.begin < mine.end;
        }
      }
      if (op.barrier) touched.clear();
      touched.insert(touched.end(), own.begin(), own.end());
    }
  }
  for (Op& op : ops_) {
    for (Operand& operand : op.operands) operand = resolve(operand);
    for (FusedOp& fused : op.epilogue) {
      fused.out = resolve(fused.out);
      fused.other = resolve(fused.other);
    }
  }
}

}  // namespace lamella
