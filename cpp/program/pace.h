#pragma once

#include <cstdint>

namespace lamella {

// Whether a team gets the cores that it was made for. On a machine that does other work as well, a thread without a
// core holds up the others, whole time slices long, and one thread alone is faster. Results do not depend on how many
// threads there are, so replays are timed: one thread is tried now and then, and where teams lose against it, it takes
// over for a while, for longer each time. Times are in seconds of one clock.
class Pace {
 public:
  // Threads for the next replay: `wanted`, or one.
  int choose(int wanted, double now) const;

  // What the replay took, with that many threads, and its work (Work's unit: batches differ).
  void note(int threads, double now, double seconds, double work);

 private:
  static constexpr double kFirstTerm = 0.02;

  double alone_pace_ = 0;     // seconds a unit of work that one thread took; 0: not tried yet
  int until_trial_ = 8;       // teams before one thread is tried again,
  double next_trial_ = 0;     // and until then it is not
  std::uint8_t lost_ = 0;     // a bit for each of the last teams: lost against it
  int won_ = 0;               // teams in a row that did not
  double alone_until_ = 0;    // when one thread gives way to teams again
  double term_ = kFirstTerm;  // for how long it takes over the next time
};

}  // namespace lamella
