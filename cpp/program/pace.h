#pragma once

namespace lamella {

// Whether a team gets the cores that it was made for. On a machine that does other work as well, a thread without a
// core holds up the others, whole time slices long, and one thread alone is faster. Results do not depend on how many
// threads there are, so replays are timed: one thread is tried now and then, and where teams lose against it, it takes
// over for a while.
class Pace {
 public:
  // Threads for the next replay: `wanted`, or one.
  int choose(int wanted);

  // What the replay took, with that many threads, and its work (Work's unit: batches differ).
  void note(int threads, double seconds, double work);

 private:
  double alone_pace_ = 0;  // seconds a unit of work that one thread took; 0: not tried yet
  int until_trial_ = 8;    // teams before one thread is tried again
  int lost_ = 0;           // teams in a row that took longer than that
  int alone_ = 0;          // replays that one thread is still to do
};

}  // namespace lamella
