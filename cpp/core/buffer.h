#pragma once

#include <cstddef>
#include <memory>

#include "core/types.h"

namespace lamella {

// Cache-line aligned bytes. Moves, never copies.
class Buffer {
 public:
  Buffer() = default;
  static Buffer zeros(Index bytes);
  static Buffer uninitialized(Index bytes);

  char* data() const { return data_.get(); }
  Index bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(char* data) const;
  };
  std::unique_ptr<char, Free> data_;
  Index bytes_ = 0;
};

}  // namespace lamella
