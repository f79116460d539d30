#include <vector>

#include "program/program.h"

// Peephole: an elementwise op directly after a product that writes its input, when nothing else reads that product's
// plain result, becomes the product's epilogue and its output the product's.

namespace lamella {
namespace {

bool is_elementwise(const Op& op) { return op.kernel->tile[0] != nullptr; }

int uses(const std::vector<Op>& ops, const Operand& operand) {
  int count = 0;
  for (const Op& op : ops) {
    for (const Operand& other : op.operands) count += other == operand;
    count += op.epilogue && op.epilogue_other == operand;
  }
  return count;
}

}  // namespace

void Program::fuse() {
  std::vector<Op> fused;
  for (Range& range : ranges_) {
    const int begin = static_cast<int>(fused.size());
    for (int i = range.begin; i < range.end; ++i) {
      Op& op = ops_[static_cast<std::size_t>(i)];
      Op* const producer = static_cast<int>(fused.size()) > begin ? &fused.back() : nullptr;
      // Elementwise operands: out, in[, other]. The intermediate may be used by the two ops alone, and not be kept.
      const bool fits = producer && is_elementwise(op) && producer->kernel->signature.fusible && !producer->epilogue &&
                        op.operands[1] == producer->operands[0] && op.operands[1].in(Arena::rows) &&
                        !row_buffers_[static_cast<std::size_t>(op.operands[1].offset)].keep;
      const int own_uses = fits && op.operands[0] == op.operands[1] ? 3 : 2;
      if (fits && (own_uses == 3 || uses(ops_, op.operands[1]) == 2)) {
        producer->operands[0] = op.operands[0];
        producer->epilogue = op.kernel;
        producer->epilogue_hyper = op.hyper;
        if (op.operands.size() > 2) producer->epilogue_other = op.operands[2];
      } else {
        fused.push_back(op);
      }
    }
    range.begin = begin;
    range.end = static_cast<int>(fused.size());
  }
  ops_ = std::move(fused);
}

}  // namespace lamella
