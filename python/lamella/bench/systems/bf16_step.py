"""The step in lamella with products in bfloat16; emulated where the processor has none."""

from collections.abc import Callable

from lamella.bench.systems import lamella_step
from lamella.bench.workloads import Array, Workload
from lamella.nn.precision import bf16_instructions, bf16_way

#: Of the first loss, relative: a factor is off by 2^-9 at most, and what is added up by less.
TOLERANCE = 1e-2

threads_used = lamella_step.threads_used


def precision() -> str:
    """The one to be had here."""
    return "bf16" if bf16_way() is not None else "bf16-emulated"


def make(workload: Workload, threads: int) -> Callable[[Array, Array], float]:
    """A whole step in one call."""
    return lamella_step.make_trainer(workload, threads, precision()).step


def describe() -> str:
    """Version, instruction set, precision and how that is computed."""
    return f"{lamella_step.describe()}, {precision()} ({bf16_instructions() or 'by float32'})"
