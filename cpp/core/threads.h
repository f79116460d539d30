#pragma once

#include "core/buffer.h"
#include "core/denormals.h"
#include "core/team.h"

// The one place that knows how many threads there are and starts them.

namespace lamella {

// Threads that a replay may use: set by the user, or the least of CPU affinity, cgroup quota and OMP_NUM_THREADS.
// One in a child made by fork, whose OpenMP pool is gone; and no more than this thread's own limit.
int max_threads();

// The most threads for what the calling thread begins, beside what holds for all; gives the limit before.
int limit_threads(int most);

// What this thread does, it does alone.
class OneThread {
 public:
  OneThread() : before_(limit_threads(1)) {}
  ~OneThread() { limit_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};
void set_max_threads(int threads);

// How many forks lie between the process that loaded this library and this one.
int fork_generation();

// This thread's packing space, made at first use.
void* thread_scratch();

// Runs body(team) on that many threads, one parallel region.
template <typename Body>
void run_team(int threads, const Body& body);

// Runs body(rank) on that many threads that have nothing to do with each other; the caller's is rank 0. What one
// throws, the first of them, is thrown when all have ended.
template <typename Body>
void run_crew(int threads, const Body& body);

}  // namespace lamella

#include <omp.h>

#include <exception>
#include <mutex>
#include <vector>

namespace lamella {

template <typename Body>
void run_team(int threads, const Body& body) {
  if (threads <= 1) {
    const FlushDenormals flush;
    body(Team{0, 1, nullptr, thread_scratch()});
    return;
  }
  Barrier barrier;
  std::vector<int> processors(static_cast<std::size_t>(threads), -1);
  barrier.processors = processors.data();
#pragma omp parallel num_threads(threads)
  {
    const FlushDenormals flush;
    const Team team{omp_get_thread_num(), omp_get_num_threads(), &barrier, thread_scratch()};
    take_processor(team);
    body(team);
    wait(team);  // OpenMP's own wait spins for milliseconds before it gives way to a thread behind it
  }
}

template <typename Body>
void run_crew(int threads, const Body& body) {
  if (threads <= 1) {
    body(0);
    return;
  }
  Barrier barrier;
  std::vector<int> processors(static_cast<std::size_t>(threads), -1);
  barrier.processors = processors.data();
  std::exception_ptr error;
  std::mutex mutex;
#pragma omp parallel num_threads(threads)
  {
    const Team crew{omp_get_thread_num(), omp_get_num_threads(), &barrier, nullptr};
    take_processor(crew);
    try {
      body(crew.rank);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!error) error = std::current_exception();
    }
    wait(crew);
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace lamella
