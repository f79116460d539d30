#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

namespace lamella {

// Asked between the steps of a training whether to go on. Several trainings may share `stop`.
class Interrupt {
 public:
  // `poll` is called now and then, by a thread that may run Python's signal handlers, and tells whether to stop; other
  // threads have none.
  explicit Interrupt(std::atomic<bool>& stop, std::function<bool()> poll = nullptr)
      : stop_(stop), poll_(std::move(poll)) {}

  bool stopped() const { return stop_.load(std::memory_order_relaxed); }

  // Whether so much time has passed that poll() is due.
  bool due() {
    const auto now = Clock::now();
    if (now - asked_ < kPeriod) return false;
    asked_ = now;
    return true;
  }

  // While nothing is locked that a signal's handler may want.
  void poll() {
    if (poll_ && poll_()) stop_.store(true, std::memory_order_relaxed);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kPeriod = std::chrono::milliseconds(50);

  std::atomic<bool>& stop_;
  std::function<bool()> poll_;
  Clock::time_point asked_ = Clock::now();
};

}  // namespace lamella
