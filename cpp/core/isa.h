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

// Whether this machine multiplies bfloat16 by AVX512-BF16, and kernels for that are in use.
bool has_bf16();

}  // namespace lamella
