#pragma once

#include <string>
#include <vector>

#include "kernels/kernel.h"

// The kernels of the instruction set chosen at load, by name.

namespace lamella {

const std::string& active_isa();

// Throws if there is no kernel of that name.
const KernelEntry& find_kernel(const std::string& name);

std::vector<std::string> kernel_names();

}  // namespace lamella
