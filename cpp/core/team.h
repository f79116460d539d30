#pragma once

#include "core/types.h"

// A kernel runs on every thread of a team at once (single program, multiple data): each thread takes its share of
// the output, and the runner puts a barrier between ops that depend on each other. One parallel region serves a
// whole training step. Functions here are static: instruction-set units include them and may not share symbols.

namespace lamella {

#if defined(__aarch64__)
constexpr int kSharedLine = 128;  // Apple's cache lines
#else
constexpr int kSharedLine = 64;
#endif

struct Barrier {
  alignas(kSharedLine) int arrived = 0;
  alignas(kSharedLine) int phase = 0;
  int sleepers = 0;           // threads that may have to be woken up at the next phase
  int* processors = nullptr;  // where each thread of the team was seen last, -1: not yet
};
void wake_sleepers(Barrier& barrier);

struct Team {
  int rank;
  int size;
  Barrier* barrier;  // null in a team of one
  void* scratch;     // this thread's own packing space, kScratchBytes, cache-line aligned
};

// Notes where this thread runs, and moves it to a processor where none of the team is if it shares that one. Schedulers
// may put two threads onto one processor although another is idle, and leave them there for many time slices: guests of
// a hypervisor do, to which an idle processor looks like a busy one.
void take_processor(const Team& team);

// The long wait: spins on for a while, then sleeps until the phase is another one.
void wait_long(const Team& team, int phase);

constexpr Index kScratchBytes = Index{8} << 20;

struct Span {
  Index begin, end;
};

static inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // waits some ten cycles for what is under way; `yield` is no wait at all on most processors
#endif
}

// Waits for the whole team. Spins, as the ops of a step are microseconds apart; where that takes long it sleeps: on a
// busy machine, or in a team larger than the machine, this core may be what the others wait for.
static inline void wait(const Team& team) {
  if (team.size == 1) return;
  Barrier* barrier = team.barrier;
  const int phase = __atomic_load_n(&barrier->phase, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == team.size) {
    __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&barrier->phase, phase + 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&barrier->sleepers, __ATOMIC_SEQ_CST) > 0) wake_sleepers(*barrier);
    return;
  }
  for (int spin = 0; spin < 64; ++spin) {
    if (__atomic_load_n(&barrier->phase, __ATOMIC_ACQUIRE) != phase) return;
    spin_pause();
  }
  wait_long(team, phase);
}

// The part of [0, total) that this thread takes, cut at multiples of grain.
static inline Span share(const Team& team, Index total, Index grain) {
  const Index grains = (total + grain - 1) / grain;
  const Index begin = grains * team.rank / team.size * grain;
  const Index end = grains * (team.rank + 1) / team.size * grain;
  return {begin < total ? begin : total, end < total ? end : total};
}

}  // namespace lamella
