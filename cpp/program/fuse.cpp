#include <algorithm>
#include <vector>

#include "program/program.h"

// Peephole: an elementwise op directly after an op that takes an epilogue, on that one's result, becomes the last stage
// of the epilogue. Where nothing else reads that result, it need not be stored: the stage works in place.

namespace lamella {
namespace {

bool is_elementwise(const Op& op) { return op.kernel->tile[0] != nullptr; }

// The result of an op, after all that was fused onto it.
const Operand& result(const Op& op) { return op.epilogue.empty() ? op.operands[0] : op.epilogue.back().out; }

bool touches(const Op& op, const Operand& operand) {
  const auto fused = [&](const FusedOp& stage) { return stage.out == operand || stage.other == operand; };
  return std::find(op.operands.begin(), op.operands.end(), operand) != op.operands.end() ||
         std::any_of(op.epilogue.begin(), op.epilogue.end(), fused);
}

bool reads_nothing(const Op& op) {
  for (std::size_t k = 0; k < op.operands.size(); ++k) {
    if (!(op.kernel->signature.outputs >> k & 1u)) return false;
  }
  return true;
}

}  // namespace

// An op that reads nothing (it draws random bits) goes to the front of its range, where it stands between no two ops
// that could be fused, and many such share one barrier.
void Program::hoist() {
  for (const Range& range : ranges_) {
    std::vector<Op> first, rest;
    for (int i = range.begin; i < range.end; ++i) {
      Op& op = ops_[static_cast<std::size_t>(i)];
      const auto used_before = [&](const Operand& operand) {
        return std::any_of(rest.begin(), rest.end(), [&](const Op& other) { return touches(other, operand); });
      };
      const bool free = reads_nothing(op) && std::none_of(op.operands.begin(), op.operands.end(), used_before);
      (free ? first : rest).push_back(std::move(op));
    }
    std::move(rest.begin(), rest.end(), std::move(first.begin(), first.end(), ops_.begin() + range.begin));
  }
}

void Program::fuse() {
  std::vector<Op> fused;
  for (Range& range : ranges_) {
    const int begin = static_cast<int>(fused.size());
    for (int i = range.begin; i < range.end; ++i) {
      Op& op = ops_[static_cast<std::size_t>(i)];
      Op* const producer = static_cast<int>(fused.size()) > begin ? &fused.back() : nullptr;
      const bool fits = producer && is_elementwise(op) && producer->kernel->signature.fusible &&
                        producer->epilogue.size() < kMaxStages && op.operands[1] == result(*producer) &&
                        op.operands[1].in(Arena::rows);
      if (!fits) {
        fused.push_back(std::move(op));
        continue;
      }
      const Operand out = op.operands[0], in = op.operands[1];  // elementwise operands: out, in[, other]
      const auto reads = [&](const Op& other) { return touches(other, in); };
      const Operand other = op.operands.size() > 2 ? op.operands[2] : Operand{};
      const bool elsewhere = row_buffers_[static_cast<std::size_t>(in.offset)].keep || other == in || other == out ||
                             std::any_of(fused.begin(), fused.end() - 1, reads) ||
                             std::any_of(ops_.begin() + i + 1, ops_.end(), reads);
      if (!elsewhere) {
        if (producer->operands[0] == in) producer->operands[0] = out;
        for (FusedOp& stage : producer->epilogue) {
          if (stage.out == in) stage.out = out;
        }
      }
      producer->epilogue.push_back({op.kernel, out, other, op.hyper});
    }
    range.begin = begin;
    range.end = static_cast<int>(fused.size());
  }
  ops_ = std::move(fused);
}

}  // namespace lamella
