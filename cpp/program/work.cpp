#include "program/work.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/threads.h"
#include "kernels/registry.h"

namespace lamella {
namespace {

// What a barrier costs for each thread of the team, in the multiply-adds of a product that take as long: between one
// and two microseconds, measured where two threads begin to beat one (with AVX-512 64-128-128-10 at a batch of 64 and
// 8-32-32-32-32-32-32-1 at one of about 1000; with AVX2 64-100-10 at one of 100). Narrower vectors do fewer in that
// time; ARM's are as wide as SSE2's and fused, two or four a cycle (not measured there).
double wait_cost() {
  const std::string& isa = active_isa();
  static const double cost = isa == "avx512" ? 200000 : isa == "avx2" ? 100000 : isa == "neon" ? 75000 : 50000;
  return cost;
}

std::atomic<bool> always{false};

}  // namespace

int worthwhile_threads(const Work& work, Index n) {
  const int most = max_threads();
  if (most == 1 || always) return most;
  // total / threads + wait_cost waits threads is least at this number, and from two on less than total alone.
  return std::clamp(static_cast<int>(std::sqrt(work.total(n) / (wait_cost() * std::max(work.waits, 1)))), 1, most);
}

bool team_beats_crew(const Work& work, Index n, std::size_t models) {
  const int team = worthwhile_threads(work, n);
  const double together = work.total(n) / team + wait_cost() * std::max(work.waits, 1) * team;
  const auto crew = static_cast<double>(std::min<std::size_t>(models, static_cast<std::size_t>(max_threads())));
  return team > 1 && together < work.total(n) / crew;
}

void share_all_work(bool all) { always = all; }
bool shares_all_work() { return always; }

}  // namespace lamella
