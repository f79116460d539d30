"""One system, one workload, one process: memory of the first steps, a check of the first loss, then blocks of steps."""

import gc
import importlib
import re
import sys
from pathlib import Path

from turns import answer_blocks
from workloads import WORKLOADS


def resident(field: str) -> int:
    """VmRSS, or VmHWM (the peak since the last reset), in KiB; Linux."""
    found = re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found.group(1)) if found else 0


def reset_peak() -> int:
    """Start the peak anew; memory in use now, in KiB."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def main() -> None:
    system, name, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    workload = WORKLOADS[name]
    module = importlib.import_module(f"systems.{system}_step")
    x, y = workload.data()
    before = reset_peak()
    step = module.make(workload, threads, workload.dropout)
    for _ in range(3):
        step(x, y)
    memory = resident("VmHWM") - before

    first = module.make(workload, threads, dropout=0.0)(x, y)
    expected = workload.reference_loss()
    if abs(first - expected) > 1e-4 * max(1.0, abs(expected)):
        raise SystemExit(f"{system} on {name}: the first loss is {first} but should be {expected}")
    answer_blocks({"system": module.describe(), "memory_kib": memory}, lambda: step(x, y))


if __name__ == "__main__":
    main()
