#pragma once

#include <cstddef>
#include <memory>

#include "core/types.h"

namespace lamella {

struct FreeBytes {
  Index mapped = 0;  // how many are a mapping of their own; 0: they are the heap's
  void operator()(char* data) const;
};

// Cache-line aligned bytes. Moves, never copies.
class Buffer {
 public:
  Buffer() = default;
  static Buffer zeros(Index bytes);
  // Zeros, of which pages that nobody touches take no memory: for room that is rarely needed.
  static Buffer mapped_zeros(Index bytes);
  static Buffer uninitialized(Index bytes);

  char* data() const { return data_.get(); }
  Index bytes() const { return bytes_; }

 private:
  std::unique_ptr<char, FreeBytes> data_;
  Index bytes_ = 0;
};

}  // namespace lamella
