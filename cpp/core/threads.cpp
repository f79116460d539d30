#include "core/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <utility>

#include "core/check.h"

namespace lamella {
namespace {

int affinity_threads() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return 1;
#else
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#endif
}

// Cores that the control group may use: cgroup v2's "quota period" in cpu.max, v1's two files.
int quota_threads(int otherwise) {
  double quota = -1, period = -1;
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string word;
  if (v2 >> word >> period && word != "max") quota = std::atof(word.c_str());
  if (!v2) {
    std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    v1_quota >> quota;
    v1_period >> period;
  }
  if (quota <= 0 || period <= 0) return otherwise;
  return std::max(1, static_cast<int>(std::ceil(quota / period)));
}

int environment_threads(int otherwise) {
  const char* text = std::getenv("OMP_NUM_THREADS");
  const int value = text ? std::atoi(text) : 0;  // of a list "4,2" the first level counts
  return value > 0 ? value : otherwise;
}

int default_threads() {
  const int affinity = affinity_threads();
  return std::min({affinity, quota_threads(affinity), environment_threads(affinity)});
}

std::atomic<int>& setting() {
  static std::atomic<int> threads{default_threads()};
  return threads;
}

// GNU's OpenMP pool does not survive fork: a parallel region in the child would wait for threads that are gone.
std::atomic<int> forks{0};
const int registered = pthread_atfork(nullptr, nullptr, [] { ++forks; });

thread_local int own_limit = std::numeric_limits<int>::max();

}  // namespace

int limit_threads(int most) { return std::exchange(own_limit, std::max(most, 1)); }

int max_threads() { return forks > 0 || registered != 0 ? 1 : std::min(own_limit, setting().load()); }

void set_max_threads(int threads) {
  require(threads >= 1, "[set_num_threads] threads is ", threads, " but must be at least 1");
  setting() = threads;
}

int fork_generation() { return forks; }

void* thread_scratch() {
  thread_local const Buffer scratch = Buffer::uninitialized(kScratchBytes);
  return scratch.data();
}

}  // namespace lamella
