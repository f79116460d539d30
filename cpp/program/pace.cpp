#include "program/pace.h"

#include <algorithm>

namespace lamella {
namespace {

constexpr int kSuspicious = 3;           // teams in a row that one thread would have beaten, before it takes over
constexpr int kTrials = 1000;            // teams from one trial to the next; the first comes after a few
constexpr double kAlone = 0.05;          // seconds that one thread is kept before the next team
constexpr int kLeast = 4, kMost = 1000;  // replays of these

}  // namespace

int Pace::choose(int wanted) {
  if (wanted == 1) return 1;
  if (alone_ == 0 && until_trial_ == 0) alone_ = 1;
  if (alone_ == 0) return wanted;
  --alone_;
  return 1;
}

void Pace::note(int threads, double seconds, double work) {
  const double pace = seconds / work;
  if (threads == 1) {
    // Of a trial, or of one replay after the other: the latest counts, as the machine's load changes.
    alone_pace_ = pace;
    until_trial_ = kTrials;
    return;
  }
  --until_trial_;
  lost_ = alone_pace_ > 0 && pace > alone_pace_ ? lost_ + 1 : 0;
  if (lost_ < kSuspicious) return;
  alone_ = std::clamp(static_cast<int>(kAlone / (alone_pace_ * work)), kLeast, kMost);
  lost_ = kSuspicious - 1;  // the next team is believed at once
}

}  // namespace lamella
