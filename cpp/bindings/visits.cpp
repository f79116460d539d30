#include "bindings/visits.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "core/threads.h"

namespace lamella {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongest = 1s;

std::atomic<bool> closed{false};
std::atomic<int> visitors{0};

}  // namespace

Visits::Visits(bool on_main_thread) : late_(closed && on_main_thread) {}

void Visits::enter() const {
  ++visitors;
  if (!closed || late_) return;
  --visitors;
  while (true) pause();
}

void Visits::leave() { --visitors; }

void Visits::close() {
  closed = true;
  if (fork_generation() > 0) return;  // those who were inside are the parent's
  const pybind11::gil_scoped_release release;
  const auto begin = std::chrono::steady_clock::now();
  while (visitors > 0 && std::chrono::steady_clock::now() - begin < kLongest) std::this_thread::sleep_for(1ms);
}

}  // namespace lamella
