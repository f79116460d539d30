#include "core/team.h"

#include <sched.h>

#include <chrono>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#endif

namespace lamella {
namespace {

// Longer than threads of a team that has its cores to itself wait for each other. Not sched_yield: a thread that gives
// way again and again is made to wait, whole time slices long, behind what else runs there.
constexpr auto kSpin = std::chrono::microseconds(100);

#if defined(__linux__)
void sleep_while(Barrier& barrier, int phase) {
  syscall(SYS_futex, &barrier.phase, FUTEX_WAIT_PRIVATE, phase, nullptr, nullptr, 0);
}
#else
void sleep_while(Barrier&, int) { sched_yield(); }
#endif

bool past(const Barrier& barrier, int phase) { return __atomic_load_n(&barrier.phase, __ATOMIC_SEQ_CST) != phase; }

}  // namespace

#if defined(__linux__)
void take_processor(const Team& team) {
  const int here = sched_getcpu();
  int* const processors = team.barrier->processors;
  __atomic_store_n(&processors[team.rank], here, __ATOMIC_RELAXED);
  const auto used = [&](int processor) {
    for (int rank = 0; rank < team.size; ++rank) {
      if (rank != team.rank && __atomic_load_n(&processors[rank], __ATOMIC_RELAXED) == processor) return true;
    }
    return false;
  };
  cpu_set_t allowed;
  if (!used(here) || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed) || processor == here || used(processor)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) {
      __atomic_store_n(&processors[team.rank], processor, __ATOMIC_RELAXED);
      sched_setaffinity(0, sizeof allowed, &allowed);
    }
    return;
  }
}
#else
void take_processor(const Team&) {}
#endif

void wait_long(const Team& team, int phase) {
  Barrier& barrier = *team.barrier;
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int spin = 0; spin < 16; ++spin) {
      if (past(barrier, phase)) return;
      spin_pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  // First counted, then asleep only if the phase is still the old one: whoever ends it after that sees the count.
  __atomic_add_fetch(&barrier.sleepers, 1, __ATOMIC_SEQ_CST);
  while (!past(barrier, phase)) sleep_while(barrier, phase);
  __atomic_sub_fetch(&barrier.sleepers, 1, __ATOMIC_SEQ_CST);
  take_processor(team);  // it may have been woken up where its waker runs
}

void wake_sleepers(Barrier& barrier) {
#if defined(__linux__)
  syscall(SYS_futex, &barrier.phase, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
#else
  static_cast<void>(barrier);
#endif
}

}  // namespace lamella
