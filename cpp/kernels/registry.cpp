#include "kernels/registry.h"

#include <map>

#include "core/check.h"
#include "core/isa.h"
#include "lamella_build.h"

// LAMELLA_ISAS and LAMELLA_FAMILIES are lists that the build makes: one family for every source in kernels/cpu.

#define LAMELLA_DECLARE(isa, family) extern "C" const lamella::KernelFamily isa##_##family##_family;
#define LAMELLA_DECLARE_ISA(isa) LAMELLA_FAMILIES(LAMELLA_DECLARE, isa)
LAMELLA_ISAS(LAMELLA_DECLARE_ISA)

namespace lamella {
namespace {

struct Registry {
  std::string isa;
  std::map<std::string, const KernelEntry*> by_name;

  Registry() {
    std::vector<std::vector<const KernelFamily*>> tables;
#define LAMELLA_ADD(isa, family) tables.back().push_back(&isa##_##family##_family);
#define LAMELLA_ADD_ISA(isa) \
  tables.emplace_back();     \
  LAMELLA_FAMILIES(LAMELLA_ADD, isa)
    LAMELLA_ISAS(LAMELLA_ADD_ISA)
    const int chosen = choose_isa();
    isa = isas()[static_cast<std::size_t>(chosen)].name;
    for (const KernelFamily* family : tables[static_cast<std::size_t>(chosen)]) {
      for (int i = 0; i < family->count; ++i) by_name[family->entries[i].name] = &family->entries[i];
    }
  }
};

const Registry& registry() {
  static const Registry instance;
  return instance;
}

}  // namespace

const std::string& active_isa() { return registry().isa; }

const KernelEntry& find_kernel(const std::string& name) {
  const auto found = registry().by_name.find(name);
  require(found != registry().by_name.end(), "there is no kernel named \"", name, "\"");
  return *found->second;
}

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const auto& item : registry().by_name) names.push_back(item.first);
  return names;
}

}  // namespace lamella
