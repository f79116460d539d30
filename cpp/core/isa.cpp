#include "core/isa.h"

#include <cstdlib>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

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
  return name == "baseline" || name == "neon";  // neon is a part of 64-bit ARM, for which alone it is built
}

// Whether the processor has AMX for bfloat16, the system saves its registers, and this process may use them: a tile is
// so large that Linux wants to be asked once, for all threads (a process whose signal stacks are too small is denied).
bool has_amx() {
#if defined(__x86_64__) && defined(__linux__) && defined(SYS_arch_prctl)
  constexpr unsigned kOsXsave = 1u << 27, kTilesAndBf16 = 1u << 24 | 1u << 22;  // leaf 1, ECX; leaf 7, EDX
  constexpr unsigned kTileState = 1u << 17 | 1u << 18;                          // configuration and data
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & kOsXsave)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kTilesAndBf16) != kTilesAndBf16) return false;
  unsigned saved, high;
  asm volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if ((saved & kTileState) != kTileState) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM of asm/prctl.h, Linux 5.16
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
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

std::vector<Bf16Way> bf16_ways() {
  std::vector<Bf16Way> found{Bf16Way::emulated, Bf16Way::amx_emulated};
#if defined(__x86_64__)
  static const bool avx512 =
      __builtin_cpu_supports("avx512bf16") && isas()[static_cast<std::size_t>(choose_isa())].name == "avx512";
  static const bool amx = avx512 && has_amx();
  if (avx512) found.push_back(Bf16Way::avx512);
  if (amx) found.push_back(Bf16Way::amx);
#endif
  return found;
}

}  // namespace lamella
