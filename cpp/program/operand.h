#pragma once

#include <array>

#include "core/types.h"

// Where an op finds its data: an arena and an offset, never a pointer, so that one program can be replayed against any
// set of arenas.

namespace lamella {

enum class Arena : int {
  none,     // no operand: the kernel gets a null pointer
  values,   // parameters
  grads,    // their gradients, at the same offsets
  state,    // buffers that are saved but not trained (running statistics)
  scalars,  // hyper-parameters, counters and results: 8-byte fields
  rows,     // per-row buffers of a workspace: offset and size scale with its capacity
  fixed,    // other buffers of a workspace
  input,    // given by each call: the batch
  target,   // given by each call
  weight,   // given by each call, if at all: what each row counts
  output,   // given by each call: where a result goes straight to the caller's array
  slots     // slots + k: optimizer slot k, at the same offsets as values or in an order of its owner's
};

constexpr int kMaxSlots = 32;
constexpr int kArenas = static_cast<int>(Arena::slots) + kMaxSlots;

struct Operand {
  int arena = 0;
  Index offset = 0;  // in elements (scalars: fields); in rows and fixed, before finalize(), the number of a buffer
  Index size = 1;    // in elements; not needed for rows and fixed

  bool operator==(const Operand& other) const { return arena == other.arena && offset == other.offset; }
  bool in(Arena which) const { return arena == static_cast<int>(which); }
};

// Base addresses for one replay.
struct Frame {
  std::array<char*, kArenas> base{};
  Index capacity = 0;
};

}  // namespace lamella
