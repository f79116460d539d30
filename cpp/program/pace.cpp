#include "program/pace.h"

#include <algorithm>
#include <bitset>

namespace lamella {
namespace {

constexpr int kTeams = 64;  // at least so many teams, and so many seconds, from one trial of one thread to the next
constexpr double kTrial = 0.5;
constexpr double kWorse = 1.5;    // a trial that took longer than the last one counts as so much longer at most
constexpr double kMargin = 1.25;  // a team loses if it took so many times as long
constexpr int kMany = 4;          // lost of the last eight: one thread takes over
constexpr double kLongestTerm = 1;

}  // namespace

int Pace::choose(int wanted, double now) const {
  const bool trial = until_trial_ <= 0 && now >= next_trial_;
  return trial || now < alone_until_ ? 1 : wanted;
}

void Pace::note(int threads, double now, double seconds, double work) {
  const double pace = seconds / work;
  if (threads == 1) {
    alone_pace_ = alone_pace_ == 0 ? pace : std::min(pace, kWorse * alone_pace_);
    until_trial_ = kTeams;
    next_trial_ = now + kTrial;
    return;
  }
  --until_trial_;
  const bool lost = alone_pace_ > 0 && pace > kMargin * alone_pace_;
  lost_ = static_cast<std::uint8_t>(lost_ << 1 | lost);
  won_ = lost ? 0 : won_ + 1;
  if (won_ == 8) term_ = kFirstTerm;
  if (std::bitset<8>(lost_).count() < kMany) return;
  lost_ = 0;
  alone_until_ = now + term_;
  term_ = std::min(2 * term_, kLongestTerm);
}

}  // namespace lamella
