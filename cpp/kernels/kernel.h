#pragma once

#include "core/team.h"
#include "core/types.h"

// What the program knows of a kernel. A kernel is a free function on pointers and dimensions; its C++ signature *is*
// its contract, and everything else (how many operands an op has, which of them it writes, how many dimensions, how
// large its hyper-parameters are, how to call it) is derived from the types of its parameters in binder.h:
//
//   T* / const T* (or any other pointer)   operand, written / only read
//   Rows                                   rows of this replay: the batch
//   Dim                                    a size, fixed when the program is built
//   Flag                                   an option, fixed when the program is built
//   Number                                 a number that says nothing of the work, such as a stride, fixed likewise
//   Bf16Way                                how products of bfloat16 are computed, fixed likewise
//   const SomeHyper&                       hyper-parameters: a struct of 8-byte fields in the scalars arena
//   const Epilogue<T>&                     elementwise ops that fusion put onto this one's output
//   const Team&                            the threads that run the op together

namespace lamella {

struct Rows {
  Index value;
};

struct Dim {
  Index value;
};

struct Flag {
  bool value;
};

struct Number {
  Index value;
};

// Elementwise op on a tile of row-major matrices that all have row stride `ld`. `other` is the whole of what the op
// reads beside its input, if anything: a matrix like it, or a bit for each of its elements; the tile begins at element
// `at` of it. out may be in.
template <typename T>
using Tile = void (*)(T* out, const T* in, const void* other, Index at, Index rows, Index cols, Index ld,
                      const void* hyper);

using AnyTile = void (*)();

// One elementwise op of an epilogue. It reads what the stage before it wrote.
struct Stage {
  AnyTile tile;
  void* out;  // a matrix like the op's output, or that itself
  const void* other;
  const void* hyper;
};

constexpr int kMaxStages = 3;

template <typename T>
struct Epilogue {
  const Stage* stages;
  int count;
};

// One op of a replay, its operands resolved to addresses.
struct Call {
  void* const* operands;
  Index rows;
  const Index* sizes;  // Dim, Flag, Number and Bf16Way values in order
  const void* hyper;
  const Stage* stages;
  int stage_count;
};

using Launch = void (*)(const Call&, const Team&);

constexpr int kMaxOperands = 12;
constexpr int kMaxSizes = 8;

struct Signature {
  int operands;      // pointers
  unsigned outputs;  // bit i: operand i is written
  unsigned dims;     // bit i: size i is a Dim
  int sizes;         // Dims, Flags, Numbers and a Bf16Way
  int bf16;          // which size is that, or -1
  bool rows;         // work grows with the batch
  int hyper;         // 8-byte fields
  bool fusible;      // takes an Epilogue
};

struct KernelEntry {
  const char* name;
  Launch launch[2];  // by DType
  AnyTile tile[2];   // elementwise ops only: what a fused producer calls on a finished tile
  Signature signature;
};

// What one kernel source exports, for one instruction set; nothing else in it has external linkage.
struct KernelFamily {
  const KernelEntry* entries;
  int count;
};

}  // namespace lamella
