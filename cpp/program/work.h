#pragma once

#include <cstddef>

#include "core/types.h"

namespace lamella {

// How much a replay computes, and how often its threads wait for each other: what decides how many it is worth.
struct Work {
  double row = 0, fixed = 0;  // multiply-adds a row of the batch, and for any number of rows
  int waits = 0;

  double total(Index n) const { return fixed + row * static_cast<double>(n); }

  void add(const Work& other) {
    row += other.row;
    fixed += other.fixed;
    waits += other.waits;
  }
};

// Of all that max_threads() allows, the number that takes the least time; one where that is as good.
int worthwhile_threads(const Work& work, Index n);

// Whether a model's steps take less of all threads' time if these work on it together, rather than each on one of so
// many models.
bool team_beats_crew(const Work& work, Index n, std::size_t models);

// For tests: all threads for every replay, however small.
void share_all_work(bool always);
bool shares_all_work();

}  // namespace lamella
