#include <pybind11/native_enum.h>

#include <map>

#include "bindings/bindings.h"
#include "core/isa.h"
#include "core/threads.h"
#include "kernels/registry.h"
#include "lamella_build.h"
#include "program/work.h"

namespace lamella {

void bind_config(py::module_& module) {
  module.def("isa", [] { return active_isa(); }, "Instruction set whose kernels are in use.");
  module.def(
      "isas",
      [] {
        std::map<std::string, bool> found;
        for (const Isa& isa : isas()) found[isa.name] = isa.supported;
        return found;
      },
      "Instruction sets of this build, and whether this machine runs them.");
  py::native_enum<Bf16Way>(module, "Bf16Way", "enum.IntEnum", "By which instructions bfloat16 is multiplied.")
      .value("emulated", Bf16Way::emulated)
      .value("amx_emulated", Bf16Way::amx_emulated)
      .value("avx512", Bf16Way::avx512)
      .value("amx", Bf16Way::amx)
      .finalize();
  module.def("bf16_ways", &bf16_ways, "Those to be had here, the best last.");
  module.def("compiler", [] { return std::string(LAMELLA_COMPILER); }, "Compiler that built the kernels.");
  module.def("get_num_threads", &max_threads, "Most threads that a call may use.");
  module.def("set_num_threads", &set_max_threads, py::arg("threads"), "Sets the most threads that a call may use.");
  module.def("limit_threads", &limit_threads, py::arg("most"),
             "Sets the most threads for what this thread begins; gives the limit before.");
  module.def(
      "worthwhile_threads", [](double work, int waits) { return worthwhile_threads({0, work, waits}, 0); },
      py::arg("work"), py::arg("waits"),
      "Threads that so many multiply-adds and waits of the team for each other are worth.");
  module.def("share_all_work", &share_all_work, py::arg("always"),
             "For tests: replays take all threads, however small they are.");
  active_isa();  // a wrong LAMELLA_ISA is an error at import, not at first use
}

}  // namespace lamella
