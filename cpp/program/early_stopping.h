#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "core/buffer.h"
#include "program/memory.h"

namespace lamella {

// Counts epochs without improvement (Prechelt 1998), and keeps what the best one left.
class EarlyStopping {
 public:
  // `patience` epochs in a row may pass without a value that is lower (or higher, if it is to rise) than the best one
  // by more than min_delta. small_gains: the best one moves with smaller gains, too. kept: what finish() brings back;
  // nothing: the last epoch's stays.
  EarlyStopping(std::shared_ptr<Memory> memory, std::vector<Operand> kept, Index patience, double min_delta, bool rises,
                bool small_gains);

  // Takes note of one more epoch; whether it was one too many.
  bool stops(double value);

  // Goes back to the best epoch, if it was not the last, and forgets the copies.
  void finish();

  Index best_epoch() const { return best_epoch_; }  // -1: there was none
  // Whether the last epoch was one too many.
  bool over() const { return waited_ >= patience_; }

  // How far it came: to be kept, and to go on from.
  struct Count {
    double best = std::numeric_limits<double>::infinity();  // lower is better
    Index seen = 0, best_epoch = -1, waited = 0;
  };
  Count count() const { return {best_, seen_, best_epoch_, waited_}; }
  const char* copies() const { return copies_.data(); }  // null: there was no best epoch
  Index copied_bytes() const;
  // copies: copied_bytes() of them, or null where there was no best epoch, or nothing is kept.
  void take(const Count& count, const void* copies);

 private:
  struct Part {
    char* data;
    Index bytes;
  };
  std::vector<Part> parts() const;

  std::shared_ptr<Memory> memory_;
  std::vector<Operand> kept_;
  Index patience_;
  double min_delta_;
  bool rises_, small_gains_;
  double best_ = std::numeric_limits<double>::infinity();
  Index seen_ = 0, best_epoch_ = -1, waited_ = 0;
  Buffer copies_;
};

}  // namespace lamella
