"""One system, one workload, one process: memory of the first steps, a check of the first loss, then blocks of steps.

python -m lamella.bench.step_worker SYSTEM WORKLOAD THREADS, the workload as JSON.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace

from lamella.bench import systems
from lamella.bench.memory import peak_growth
from lamella.bench.worker import answer, block_of
from lamella.bench.workloads import Array, Workload


def command(system: str, workload: Workload) -> list[str]:
    """The worker's, for :func:`lamella.bench.turns.measure`."""
    return ["-m", __name__, system, json.dumps(asdict(workload))]


def main() -> None:
    """Answer as a worker."""
    system, described, threads = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    workload = Workload(**{**described, "widths": tuple(described["widths"])})
    module = systems.load(system)
    x, y = workload.data()

    def begin() -> Callable[[Array, Array], float]:
        step: Callable[[Array, Array], float] = module.make(workload, threads)
        for _ in range(3):
            step(x, y)
        return step

    step, memory = peak_growth(begin)
    first = module.make(replace(workload, dropout=0.0), threads)(x, y)
    expected = workload.first_loss()
    if abs(first - expected) > getattr(module, "TOLERANCE", 1e-4) * max(1.0, abs(expected)):
        raise SystemExit(f"{system} on {workload.name}: the first loss is {first} but should be {expected}")
    about = {"system": module.describe(), "memory": memory}
    if hasattr(module, "threads_used"):
        about["threads"] = module.threads_used(workload, threads)
    answer(about, block_of(lambda: step(x, y)))


if __name__ == "__main__":
    main()
