#pragma once

#include <string>
#include <vector>

// Instruction sets that this build holds kernels for, best first, and which of them this machine can run.

namespace lamella {

struct Isa {
  std::string name;
  bool supported;
};

std::vector<Isa> isas();

// Index into isas(): LAMELLA_ISA if set (an error if this machine or build lacks it), else the best supported.
int choose_isa();

}  // namespace lamella
