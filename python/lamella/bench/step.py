"""The table of whole training steps: every system on every workload, and how near to the machine's limits."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass

from lamella.bench import limits, step_worker
from lamella.bench.report import counted_threads, machine, mebibytes, median_ratio, ratio, table
from lamella.bench.turns import Measured, measure
from lamella.bench.workloads import Workload


@dataclass(frozen=True)
class Row:
    """One workload: the first system and its peers."""

    workload: Workload
    measured: dict[str, Measured]

    @property
    def ours(self) -> Measured:
        """The first system's."""
        return next(iter(self.measured.values()))

    @property
    def peers(self) -> dict[str, Measured]:
        """The others'."""
        return dict(list(self.measured.items())[1:])

    @property
    def seconds(self) -> float:
        """Of a step of the first system."""
        return self.ours.median()

    @property
    def multiply_adds_per_second(self) -> float:
        """Of the first system."""
        return self.workload.multiply_adds / self.seconds

    @property
    def threads(self) -> int | None:
        """How many lamella used; None for another system, which does not say."""
        used: int | None = self.ours.about.get("threads")
        return used

    @property
    def efficiency(self) -> float | None:
        """Multiply-adds of the step over the most that the machine could do in its time; None without threads."""
        if self.threads is None:
            return None
        return self.multiply_adds_per_second / limits.measure(self.threads).multiply_adds_per_second

    def ratios(self) -> dict[str, float]:
        """Each peer's time over ours, the median of the rounds."""
        return {name: median_ratio(peer, self.ours) for name, peer in self.peers.items()}

    def cells(self) -> list[str]:
        """The line of the table."""
        return [*self._figures(), *[ratio(peer, self.ours) for peer in self.peers.values()]]

    def short_cells(self) -> list[str]:
        """The same with the medians alone."""
        return [*self._figures(), *[f"{value:.2f}" for value in self.ratios().values()]]

    def _figures(self) -> list[str]:
        threads = "-" if self.threads is None else str(self.threads)
        efficiency = "-" if self.efficiency is None else f"{self.efficiency:.2f}"
        rate = f"{2e-9 * self.multiply_adds_per_second:.1f}"
        return [self.workload.name, f"{1e6 * self.seconds:.0f}", rate, threads, efficiency]

    def memory_cells(self) -> list[str]:
        """The line of the table of memory."""
        used = [mebibytes(measured.about["memory"]) for measured in self.measured.values()]
        return [self.workload.name, mebibytes(self.workload.least_bytes), *used]


@dataclass(frozen=True)
class StepTable:
    """All workloads."""

    systems: list[str]
    threads: int
    rounds: int
    rows: list[Row]

    @property
    def header(self) -> list[str]:
        """Of :meth:`Row.cells`."""
        ours, *peers = self.systems
        return [*self._figures, *[f"{peer} / {ours}" for peer in peers]]

    @property
    def short_header(self) -> list[str]:
        """Of :meth:`Row.short_cells`."""
        return [*self._figures, *self.systems[1:]]

    @property
    def _figures(self) -> list[str]:
        return ["workload", f"{self.systems[0]} µs", "GFLOP/s", "threads", "efficiency"]

    @property
    def versions(self) -> str:
        """Of all systems and of Python."""
        named = [str(measured.about["system"]) for measured in self.rows[-1].measured.values()]
        return f"{', '.join(named)}; Python {platform.python_version()}"

    @property
    def limits(self) -> str:
        """The machine's, for each number of threads that steps used."""
        used = sorted({row.threads for row in self.rows if row.threads is not None})
        return "; ".join(str(limits.measure(threads)) for threads in used)

    def markdown(self, command: str) -> str:
        """The report; ``command`` is what gives it."""
        ours = self.systems[0]
        return f"""# Whole training step, {counted_threads(self.threads)}

Machine: {machine()}.
Limits, measured in the same run (multiply-adds in registers; a copy that no cache holds): {self.limits or "-"}.
Systems: {self.versions}.
Command: `{command}`.

Float32; forward, loss, backward, update, loss returned to Python; all fed with the same NumPy batch. Each system in a
process of its own, blocks of steps in turns; ratio = peer's time / {ours}'s in the same round: median (least-most),
then the peer's best block over {ours}'s best. More than 1: {ours} is faster. Each system's first loss was
checked against float64 before it was timed. Efficiency: multiply-adds of the step's products over what the threads
that it used could do at most in its time, the rest of the step being counted as nothing.

{table(self.header, [row.cells() for row in self.rows])}

Peak memory of making the model and of its first steps, MiB (growth of the resident set; packing space, allocator and
code pages included), beside the least that the arithmetic needs (parameters, gradients, slots, saved activations,
batch):

{table(["workload", "least", *self.systems], [row.memory_cells() for row in self.rows])}
"""


def run(workload: Workload, systems: Sequence[str], threads: int, rounds: int) -> Row:
    """Measure the systems, of which the first is compared with the others, on one workload.

    Parameters
    ----------
    workload : Workload
    systems : sequence of str
        Of :data:`lamella.bench.systems.SYSTEMS`.
    threads, rounds : int

    Raises
    ------
    WorkerError
        If a system fails, or its first loss is wrong.
    """
    commands = {system: step_worker.command(system, workload) for system in systems}
    return Row(workload, measure(commands, threads, rounds))
