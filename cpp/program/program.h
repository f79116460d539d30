#pragma once

#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "program/operand.h"
#include "program/work.h"

// A flat list of ops. Layers append to it in Python; finalize() fuses, lays out buffers and finds the barriers; the
// runner replays ranges of it. Immutable afterwards.

namespace lamella {

// An elementwise op that runs on each finished tile of another one.
struct FusedOp {
  const KernelEntry* kernel = nullptr;
  Operand out, other;
  Index hyper = 0;
};

struct Op {
  const KernelEntry* kernel = nullptr;
  std::vector<Operand> operands;
  std::vector<Index> sizes;
  Index hyper = 0;       // offset of the hyper-parameters in scalars
  bool barrier = false;  // wait for the whole team before this op
  std::vector<FusedOp> epilogue;

  std::string called() const;  // its kernel's name, and those of what is fused into it
};

// What an op does for n rows.
struct Cost {
  double multiply_adds;  // of a product; 0 for others
  double bytes;          // of all operands, once each
};

// Part of the list that is replayed in one go.
struct Range {
  std::string name;
  int begin = 0, end = 0;    // ops
  std::vector<Index> ticks;  // scalars that each replay counts up by one, before its first op
  Work work;
};

class Program {
 public:
  explicit Program(DType dtype) : dtype_(dtype) {}

  // A buffer of `width` elements a row, or of `count` elements.
  Operand rows(Index width);
  Operand fixed(Index count);
  // This buffer outlives the ops that use it: Python reads or writes it between replays.
  void keep(const Operand& buffer);

  // Ranges are replayed in the order they are opened in; append() adds to the last.
  int open_range(const std::string& name);
  void tick(Index scalar);
  void append(const std::string& kernel, std::vector<Operand> operands, std::vector<Index> sizes, Index hyper);
  void finalize();

  // Where a buffer came to lie; operands of other arenas are returned as they are.
  Operand resolve(Operand operand) const;

  DType dtype() const { return dtype_; }
  bool finalized() const { return finalized_; }
  const std::vector<Op>& ops() const { return ops_; }
  const std::vector<Range>& ranges() const { return ranges_; }
  const Range& range(int index) const;
  Index row_elements() const { return row_elements_; }  // size of the rows arena for one row
  Index fixed_elements() const { return fixed_elements_; }
  Cost cost(const Op& op, Index n) const;
  std::string describe() const;  // the list as text

 private:
  struct Buffer {
    Index size;
    bool keep;
    Index offset;
  };
  void require_open(const char* what) const;
  void hoist();
  void fuse();
  void lay_out();
  void place_barriers();
  void count_work();

  DType dtype_;
  bool finalized_ = false;
  std::vector<Op> ops_;
  std::vector<Range> ranges_;
  std::vector<Buffer> row_buffers_, fixed_buffers_;
  Index row_elements_ = 0, fixed_elements_ = 0;
};

}  // namespace lamella
