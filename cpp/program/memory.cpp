#include "program/memory.h"

#include <algorithm>

#include "core/check.h"
#include "core/threads.h"

namespace lamella {
namespace {

constexpr Index kScalarRoom = 8192;  // fields that can be added later without moving what Python has views of
constexpr Index kRowMultiple = 16;   // so that every row buffer starts on a cache line

std::size_t at(Arena arena) { return static_cast<std::size_t>(arena); }

}  // namespace

Memory::Memory(DType dtype, Index values, Index state, Index scalars)
    : dtype_(dtype),
      values_count_(values),
      values_(Buffer::zeros(values * size_of(dtype))),
      grads_(Buffer::zeros(values * size_of(dtype))),
      state_(Buffer::zeros(state * size_of(dtype))),
      scalars_(Buffer::mapped_zeros((scalars + kScalarRoom) * 8)),
      state_count_(state),
      scalars_count_(scalars),
      slots_(kMaxSlots),
      queue_(new Queue(fork_generation())) {}

int Memory::add_slots(int count, Index elements) {
  int first = 0, free = 0;
  while (free < count && first + free < kMaxSlots) {
    if (slots_[static_cast<std::size_t>(first + free)].bytes() > 0) {
      first += free + 1;
      free = 0;
    } else {
      ++free;
    }
  }
  require(free == count, "[Memory] a model holds ", kMaxSlots, " optimizer slots; there are no ", count,
          " free ones: let go of optimizers that are no longer used");
  for (int i = first; i < first + count; ++i) {
    const Index wanted = elements < 0 ? values_count_ : elements;
    slots_[static_cast<std::size_t>(i)] = Buffer::zeros(std::max<Index>(wanted, 1) * size_of(dtype_));
  }
  return first;
}

void Memory::release_slots(int first, int count) {
  for (int i = first; i < first + count; ++i) slots_[static_cast<std::size_t>(i)] = Buffer();
}

Index Memory::add_scalars(Index count) {
  const auto released = free_scalars_.find(count);
  if (released != free_scalars_.end()) {
    const Index first = released->second;
    free_scalars_.erase(released);
    return first;
  }
  require((scalars_count_ + count) * 8 <= scalars_.bytes(), "[Memory] no room for ", count, " more scalars");
  const Index first = scalars_count_;
  scalars_count_ += count;
  return first;
}

void Memory::release_scalars(Index first, Index count) { free_scalars_.emplace(count, first); }

Memory::Queue& Memory::queue() {
  Queue* found = queue_.load();
  if (found->generation == fork_generation()) return *found;
  // The parent's is left behind. Of threads that come here at once, one brings the new one.
  auto own = std::make_unique<Queue>(fork_generation());
  return queue_.compare_exchange_strong(found, own.get()) ? *own.release() : *found;
}

std::unique_lock<std::mutex> Memory::lock() {
  Queue& queue = this->queue();
  ++queue.waiting;
  std::unique_lock<std::mutex> lock(queue.mutex);
  --queue.waiting;
  return lock;
}

void Memory::bind(Frame& frame) const {
  frame.base[at(Arena::values)] = values_.data();
  frame.base[at(Arena::grads)] = grads_.data();
  frame.base[at(Arena::state)] = state_.data();
  frame.base[at(Arena::scalars)] = scalars_.data();
  for (std::size_t k = 0; k < slots_.size(); ++k) frame.base[at(Arena::slots) + k] = slots_[k].data();
}

char* Memory::base(int arena) const {
  Frame frame;
  bind(frame);
  return frame.base[static_cast<std::size_t>(arena)];
}

Index Memory::size(int arena) const {
  const auto which = static_cast<Arena>(arena);
  if (which == Arena::state) return state_count_;
  if (which == Arena::scalars) return scalars_count_;
  const int number = arena - static_cast<int>(Arena::slots);
  if (number >= 0 && number < kMaxSlots) return slots_[static_cast<std::size_t>(number)].bytes() / size_of(dtype_);
  return which == Arena::values || which == Arena::grads ? values_count_ : 0;
}

void Workspace::reserve(Index n, Index row_elements, Index fixed_elements, DType dtype) {
  if (rows_ && n <= capacity_) return;
  // Exact at first; by half as much again from then on, so that ever larger batches do not reallocate each time.
  const Index wanted = capacity_ == 0 ? n : std::max(n, capacity_ + capacity_ / 2);
  const Index capacity = round_up(std::max<Index>(wanted, 1), kRowMultiple);
  rows_.reset();  // freed before its successor is made, unless somebody has a view of it
  capacity_ = 0;
  fixed_ = std::make_shared<Buffer>(Buffer::zeros(fixed_elements * size_of(dtype)));
  rows_ = std::make_shared<Buffer>(Buffer::zeros(capacity * row_elements * size_of(dtype)));
  capacity_ = capacity;
}

void Workspace::bind(Frame& frame) const {
  frame.base[at(Arena::rows)] = rows_ ? rows_->data() : nullptr;
  frame.base[at(Arena::fixed)] = fixed_ ? fixed_->data() : nullptr;
  frame.capacity = capacity_;
}

}  // namespace lamella
