#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/buffer.h"
#include "program/operand.h"

namespace lamella {

// What one model owns, whatever programs run on it: values, gradients and optimizer slots, all with the same offsets;
// state; scalars. One replay at a time: lock() keeps Python threads that share a model from mixing.
class Memory {
 public:
  Memory(DType dtype, Index values, Index state, Index scalars);
  ~Memory() { delete queue_.load(); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // `count` neighbouring slots, filled with zeros; returns the first one's number. As large as values, or of
  // `elements`.
  int add_slots(int count, Index elements = -1);
  void release_slots(int first, int count);
  // `count` neighbouring scalars; returns the first one's offset.
  Index add_scalars(Index count);
  void release_scalars(Index first, Index count);

  void bind(Frame& frame) const;
  char* base(int arena) const;
  Index size(int arena) const;  // elements
  DType dtype() const { return dtype_; }
  std::unique_lock<std::mutex> lock();
  // Whether another thread waits for the lock: who lets go of it for a moment must leave it the time to take it.
  bool wanted() const { return queue_.load()->waiting > 0; }

 private:
  // Of one process: what a child of fork finds may be held, or waited for, by threads that it does not have.
  struct Queue {
    explicit Queue(int generation) : generation(generation) {}
    const int generation;
    std::mutex mutex;
    std::atomic<int> waiting{0};
  };
  Queue& queue();

  DType dtype_;
  Index values_count_;
  Buffer values_, grads_, state_, scalars_;
  Index state_count_, scalars_count_;
  std::vector<Buffer> slots_;                 // an empty buffer: a free slot
  std::multimap<Index, Index> free_scalars_;  // released blocks: size, offset
  std::atomic<Queue*> queue_;
};

// Buffers of one program for up to `capacity` rows.
class Workspace {
 public:
  // Makes room for n rows; what the buffers held is lost if that takes more room.
  void reserve(Index n, Index row_elements, Index fixed_elements, DType dtype);

  void bind(Frame& frame) const;
  Index capacity() const { return capacity_; }
  Index bytes() const { return rows_ ? rows_->bytes() + fixed_->bytes() : 0; }
  // Keeps the present row buffers alive for views of them, whatever reserve() does.
  std::shared_ptr<Buffer> rows() const { return rows_; }

 private:
  Index capacity_ = 0;
  std::shared_ptr<Buffer> rows_, fixed_;
};

}  // namespace lamella
