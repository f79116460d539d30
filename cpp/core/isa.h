#pragma once

#include <string>
#include <vector>

#include "core/types.h"

// Instruction sets that this build holds kernels for, best first, and which of them this machine can run.

namespace lamella {

struct Isa {
  std::string name;
  bool supported;
};

std::vector<Isa> isas();

// Index into isas(): LAMELLA_ISA if set (an error if this machine or build lacks it), else the best supported.
int choose_isa();

// The ways to multiply bfloat16 that kernels in use and this machine have, the best last. Asked for the first time, it
// asks Linux to let this process use AMX.
std::vector<Bf16Way> bf16_ways();

}  // namespace lamella
