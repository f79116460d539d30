#include "program/program.h"

#include <sstream>

#include "core/check.h"
#include "kernels/registry.h"

namespace lamella {

void Program::require_open(const char* what) const {
  if (finalized_) fail<std::logic_error>("[Program] ", what, " after finalize()");
}

Operand Program::rows(Index width) {
  require_open("rows()");
  require(width >= 1, "[Program] a buffer of ", width, " elements a row; at least 1 is needed");
  row_buffers_.push_back({width, false, 0});
  return {static_cast<int>(Arena::rows), static_cast<Index>(row_buffers_.size()) - 1, width};
}

Operand Program::fixed(Index count) {
  require_open("fixed()");
  require(count >= 1, "[Program] a buffer of ", count, " elements; at least 1 is needed");
  fixed_buffers_.push_back({count, true, 0});
  return {static_cast<int>(Arena::fixed), static_cast<Index>(fixed_buffers_.size()) - 1, count};
}

void Program::keep(const Operand& buffer) {
  require_open("keep()");
  require(buffer.in(Arena::rows) && buffer.offset >= 0 && buffer.offset < static_cast<Index>(row_buffers_.size()),
          "[Program] keep() takes a row buffer of this program");
  row_buffers_[static_cast<std::size_t>(buffer.offset)].keep = true;
}

int Program::open_range(const std::string& name) {
  require_open("open_range()");
  const int at = static_cast<int>(ops_.size());
  ranges_.push_back({name, at, at, {}, {}});
  return static_cast<int>(ranges_.size()) - 1;
}

void Program::tick(Index scalar) {
  require_open("tick()");
  require(!ranges_.empty(), "[Program] tick() before open_range()");
  ranges_.back().ticks.push_back(scalar);
}

void Program::append(const std::string& kernel, std::vector<Operand> operands, std::vector<Index> sizes, Index hyper) {
  require_open("append()");
  require(!ranges_.empty(), "[Program] append() before open_range()");
  const KernelEntry& entry = find_kernel(kernel);
  require(static_cast<int>(operands.size()) == entry.signature.operands, "[Program] ", kernel, " takes ",
          entry.signature.operands, " operands but got ", operands.size());
  require(static_cast<int>(sizes.size()) == entry.signature.sizes, "[Program] ", kernel, " takes ",
          entry.signature.sizes, " sizes, flags and numbers but got ", sizes.size());
  require(entry.signature.hyper == 0 || hyper >= 0, "[Program] ", kernel, " needs hyper-parameters");
  for (const Operand& operand : operands) {
    require(operand.arena >= 0 && operand.arena < kArenas, "[Program] there is no arena ", operand.arena);
    const auto& buffers = operand.in(Arena::rows) ? row_buffers_ : fixed_buffers_;
    require(!(operand.in(Arena::rows) || operand.in(Arena::fixed)) ||
                (operand.offset >= 0 && operand.offset < static_cast<Index>(buffers.size())),
            "[Program] ", kernel, " names a buffer that was not made");
  }
  Op op;
  op.kernel = &entry;
  op.operands = std::move(operands);
  op.sizes = std::move(sizes);
  op.hyper = hyper < 0 ? 0 : hyper;
  ops_.push_back(std::move(op));
  ranges_.back().end = static_cast<int>(ops_.size());
}

void Program::finalize() {
  require_open("finalize()");
  hoist();
  fuse();
  lay_out();
  place_barriers();
  count_work();
  finalized_ = true;
}

const Range& Program::range(int index) const {
  require(index >= 0 && index < static_cast<int>(ranges_.size()), "[Program] there is no range ", index);
  return ranges_[static_cast<std::size_t>(index)];
}

Operand Program::resolve(Operand operand) const {
  if (!operand.in(Arena::rows) && !operand.in(Arena::fixed)) return operand;
  const auto& buffers = operand.in(Arena::rows) ? row_buffers_ : fixed_buffers_;
  require(operand.offset >= 0 && operand.offset < static_cast<Index>(buffers.size()), "[Program] there is no buffer ",
          operand.offset);
  const Buffer& buffer = buffers[static_cast<std::size_t>(operand.offset)];
  return {operand.arena, buffer.offset, buffer.size};
}

namespace {

// Product and sum of an op's dimensions, and whether it is a product of matrices: the ops with three dimensions are,
// rows among them.
struct Extent {
  double elements = 1, widths = 0;
  bool product = false;
};

Extent extent(const Op& op) {
  Extent found;
  int dims = 0;
  for (std::size_t s = 0; s < op.sizes.size(); ++s) {
    if (!(op.kernel->signature.dims >> s & 1u)) continue;
    found.elements *= static_cast<double>(op.sizes[s]);
    found.widths += static_cast<double>(op.sizes[s]);
    ++dims;
  }
  found.product = dims + op.kernel->signature.rows >= 3;
  return found;
}

// What a multiply-add of an op takes, beside one of float32.
double multiply_add(const Op& op) {
  const int bf16 = op.kernel->signature.bf16;
  if (bf16 < 0) return 1;
  switch (static_cast<Bf16Way>(op.sizes[static_cast<std::size_t>(bf16)])) {
    case Bf16Way::amx:
      return 1.0 / 16;
    case Bf16Way::avx512:
      return 1.0 / 2;
    default:
      return 1;
  }
}

}  // namespace

void Program::count_work() {
  // An element of an op that is no product: some arithmetic and memory traffic, as long as this many multiply-adds.
  constexpr double kElement = 32;
  // Reading a weight, for any number of rows.
  constexpr double kWeight = 5;
  // Rounding and packing an element of a factor, or bringing one of a product to memory, which float32's cost hides.
  constexpr double kRounded = 5;
  for (Range& range : ranges_) {
    range.work.waits = 1;  // for the range before, or for the team to start
    for (int i = range.begin; i < range.end; ++i) {
      const Op& op = ops_[static_cast<std::size_t>(i)];
      const Extent size = extent(op);
      double& work = op.kernel->signature.rows ? range.work.row : range.work.fixed;
      work += size.elements * (size.product ? multiply_add(op) : kElement);
      if (size.product && op.kernel->signature.rows) range.work.fixed += size.elements * kWeight;
      if (op.kernel->signature.bf16 >= 0) {
        range.work.row += size.widths * kRounded;
        range.work.fixed += size.elements * kRounded;
      }
      range.work.waits += op.barrier;
    }
  }
}

Cost Program::cost(const Op& op, Index n) const {
  const auto rows = static_cast<double>(n);
  const Extent size = extent(op);
  Cost found{0, 0};
  if (size.product) found.multiply_adds = size.elements * (op.kernel->signature.rows ? rows : 1);
  const auto add = [&](const Operand& operand) {
    const bool a_row =
        operand.in(Arena::rows) || operand.in(Arena::input) || operand.in(Arena::target) || operand.in(Arena::weight);
    const Index element = operand.in(Arena::scalars) ? 8 : size_of(dtype_);
    if (!operand.in(Arena::none)) found.bytes += static_cast<double>(operand.size * element) * (a_row ? rows : 1);
  };
  for (const Operand& operand : op.operands) add(operand);
  for (const FusedOp& fused : op.epilogue) {
    add(fused.other);
    if (!(fused.out == op.operands[0])) add(fused.out);
  }
  return found;
}

std::string Op::called() const {
  std::string called = kernel->name;
  for (const FusedOp& fused : epilogue) called += std::string(" + ") + fused.kernel->name;
  return called;
}

std::string Program::describe() const {
  static const char* const names[] = {"none",  "values", "grads",  "state",  "scalars", "rows",
                                      "fixed", "input",  "target", "weight", "output"};
  std::ostringstream text;
  for (const Range& which : ranges_) {
    text << which.name << ":\n";
    for (int i = which.begin; i < which.end; ++i) {
      const Op& op = ops_[static_cast<std::size_t>(i)];
      text << (op.barrier ? "  | " : "    ") << op.called();
      for (std::size_t k = 0; k < op.operands.size(); ++k) {
        const Operand& operand = op.operands[k];
        text << (k == 0 ? "(" : ", ");
        if (operand.arena >= static_cast<int>(Arena::slots)) {
          text << "slot" << operand.arena - static_cast<int>(Arena::slots);
        } else {
          text << names[operand.arena];
        }
        if (operand.arena != 0) text << "@" << operand.offset;
      }
      text << ")";
      for (const Index size : op.sizes) text << " " << size;
      text << "\n";
    }
  }
  return text.str();
}

}  // namespace lamella
