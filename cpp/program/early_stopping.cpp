#include "program/early_stopping.h"

#include <cstring>
#include <utility>

#include "core/check.h"

namespace lamella {

EarlyStopping::EarlyStopping(std::shared_ptr<Memory> memory, std::vector<Operand> kept, Index patience,
                             double min_delta, bool rises, bool small_gains)
    : memory_(std::move(memory)),
      kept_(std::move(kept)),
      patience_(patience),
      min_delta_(min_delta),
      rises_(rises),
      small_gains_(small_gains) {
  for (const Operand& part : kept_) {
    require(part.offset >= 0 && part.offset + part.size <= memory_->size(part.arena),
            "[EarlyStopping] a part to be kept leaves its arena");
  }
}

std::vector<EarlyStopping::Part> EarlyStopping::parts() const {
  std::vector<Part> parts;
  for (const Operand& part : kept_) {
    const Index element = part.in(Arena::scalars) ? 8 : size_of(memory_->dtype());
    parts.push_back({memory_->base(part.arena) + part.offset * element, part.size * element});
  }
  return parts;
}

bool EarlyStopping::stops(double value) {
  const double falling = rises_ ? -value : value;
  const bool gain = falling < best_ - min_delta_;
  waited_ = gain ? 0 : waited_ + 1;
  if (gain || (small_gains_ && falling < best_)) {
    best_ = falling;
    best_epoch_ = seen_;
    const std::vector<Part> all = parts();
    if (!copies_.data()) copies_ = Buffer::uninitialized(copied_bytes());
    char* to = copies_.data();
    for (const Part& part : all) {
      std::memcpy(to, part.data, static_cast<std::size_t>(part.bytes));
      to += part.bytes;
    }
  }
  ++seen_;
  return over();
}

Index EarlyStopping::copied_bytes() const {
  Index bytes = 0;
  for (const Part& part : parts()) bytes += part.bytes;
  return bytes;
}

void EarlyStopping::take(const Count& count, const void* copies) {
  best_ = count.best;
  seen_ = count.seen;
  best_epoch_ = count.best_epoch;
  waited_ = count.waited;
  copies_ = Buffer();
  if (!copies) return;
  const Index bytes = copied_bytes();
  copies_ = Buffer::uninitialized(bytes);
  std::memcpy(copies_.data(), copies, static_cast<std::size_t>(bytes));
}

void EarlyStopping::finish() {
  if (copies_.data() && best_epoch_ != seen_ - 1) {
    const char* from = copies_.data();
    for (const Part& part : parts()) {
      std::memcpy(part.data, from, static_cast<std::size_t>(part.bytes));
      from += part.bytes;
    }
  }
  copies_ = Buffer();
}

}  // namespace lamella
