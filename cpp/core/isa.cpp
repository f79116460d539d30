#include "core/isa.h"

#include <cstdlib>

#include "core/check.h"
#include "lamella_build.h"

namespace lamella {
namespace {

bool supports(const std::string& name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
                  __builtin_cpu_supports("bmi");
  if (name == "avx512") {
    return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512cd");
  }
  if (name == "avx2") return v3;
#endif
  return name == "baseline";
}

}  // namespace

std::vector<Isa> isas() {
  std::vector<Isa> found;
#define LAMELLA_ISA_NAME(isa) found.push_back({#isa, supports(#isa)});
  LAMELLA_ISAS(LAMELLA_ISA_NAME)
#undef LAMELLA_ISA_NAME
  return found;
}

int choose_isa() {
  const std::vector<Isa> all = isas();
  const char* forced = std::getenv("LAMELLA_ISA");
  std::string supported;
  for (int i = 0; i < static_cast<int>(all.size()); ++i) {
    if (!all[i].supported) continue;
    if (!forced || !*forced || all[i].name == forced) return i;
    supported += (supported.empty() ? "" : ", ") + all[i].name;
  }
  fail<std::invalid_argument>("LAMELLA_ISA is \"", forced ? forced : "",
                              "\" but this machine and build run: ", supported);
}

bool has_bf16() {
#if defined(__x86_64__)
  return isas()[static_cast<std::size_t>(choose_isa())].name == "avx512" && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace lamella
