"""What was measured of populations, as text."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamella.bench.report import counted_threads, machine, mebibytes, median_ratio, ratio, table
from lamella.bench.turns import Measured
from populations import SYSTEMS
from populations.networks import Network

#: By system that lamella is compared with, several where the fastest counts: how many times as long it is to take, by
#: the least number of models.
WANTED: dict[tuple[str, ...], dict[int, float]] = {
    ("jax_scan", "jax_step"): {16: 3.5, 64: 5.0, 256: 9.0},
    ("torch",): {16: 25.0},
    ("fit",): {16: 0.9},
}

#: Those that hold all models at once, so that their memory can be compared.
TOGETHER = ("lamella", "jax_scan", "jax_step", "stacked")


@dataclass(frozen=True)
class Row:
    """One network and number of models."""

    network: Network
    models: int
    measured: dict[str, Measured]

    @property
    def ours(self) -> Measured:
        return self.measured["lamella"]

    def ratios(self) -> list[str]:
        """Of the others to ours."""
        return [ratio(found, self.ours) for name, found in self.measured.items() if name != "lamella"]

    def cells(self) -> list[str]:
        return [f"{self.models}", f"{1e6 * self.ours.median():.2f}", *self.ratios()]

    def wanted_cells(self) -> list[list[str]]:
        """What was wanted and found."""
        lines = []
        for systems, by_models in WANTED.items():
            wanted = [ratio for least, ratio in by_models.items() if self.models >= least]
            found = [median_ratio(self.measured[name], self.ours) for name in systems if name in self.measured]
            if wanted and found:
                said = "met" if min(found) >= wanted[-1] else "missed"
                names = " or ".join(name for name in systems if name in self.measured)
                lines.append([self.network.name, f"{self.models}", names, f"{wanted[-1]}", f"{min(found):.2f}", said])
        return lines

    def memory_cells(self) -> list[str]:
        used = [mebibytes(found.about["memory"]) for name, found in self.measured.items() if name in TOGETHER]
        return [self.network.name, f"{self.models}", mebibytes(self.models * self.network.kept_bytes), *used]

    def ready_cells(self) -> list[str]:
        ready = [f"{found.about['ready']:.2f}" for name, found in self.measured.items() if name in TOGETHER]
        return [self.network.name, f"{self.models}", f"{1e3 * self.ours.about['made'] / self.models:.2f}", *ready]


def sections(rows: Sequence[Row]) -> str:
    """A table of times a network."""
    others = [name for name in rows[0].measured if name != "lamella"]
    header = ["models", "lamella µs", *[f"{name} / lamella" for name in others]]
    texts = []
    for network in dict.fromkeys(row.network for row in rows):
        lines = [row.cells() for row in rows if row.network == network]
        texts.append(f"## {network.name}: {described(network)}\n\n{table(header, lines)}\n")
    return "\n".join(texts)


def described(network: Network) -> str:
    """In a line."""
    activation = {"relu": "ReLU", "tanh": "tanh"}[network.activation]
    loss = {"ce": "cross-entropy", "mse": "mean squared error"}[network.loss]
    dropout = f", dropout {network.dropout}" if network.dropout else ""
    return f"{'-'.join(map(str, network.widths))}, {activation}{dropout}, batch {network.batch}, {loss}, Adam"


def report(rows: Sequence[Row], threads: int, given: str, picture: Path | None) -> str:
    """The text."""
    together = [name for name in rows[0].measured if name in TOGETHER]
    versions = ", ".join(dict.fromkeys(found.about["system"] for found in rows[-1].measured.values()))
    wanted = [cells for row in rows for cells in row.wanted_cells()]
    seconds = [f"{name} s" for name in together]
    shown = f"\n![Time of a step of one model by number of models]({picture.name})\n" if picture else ""
    legend = "\n".join(f"- `{name}`: {SYSTEMS[name].label}" for name in rows[0].measured)
    return f"""# Many models, {counted_threads(threads)}

Machine: {machine()}.
Systems: {versions}; NumPy {np.__version__}; Python {platform.python_version()}.
Command: `{given}`.

{legend}

Microseconds that a step of one model takes on the whole machine: the time of an epoch / (models x steps), float32.
What runs on one core is divided by the number of cores. What trains one model after another is timed on a few of them,
as is what takes no longer for more: lamella alone on 1, `torch` on up to 4, and JAX and the stacked weights on 8 steps
or more. JAX and the stacked weights share the batch of a step between all models, which spares them work; the models
of a population and of the others have orders of their own. Blocks in turns; ratio = the other's time / lamella's in
the same round: median (least-most), then best block over best block; more than 1: lamella is faster. Each system was
found to come to the losses of float64 after two epochs, of the first, the middle and the last model, without dropout.

{sections(rows)}
## What was wanted, and found

How many times as long as a population the others take, by the medians above, of JAX's two ways the faster. `fit` of one
model on each core is what could be had at best if models cost each other nothing: near 1 at each number of models, a
population's time is flat.

{table(["network", "models", "against", "wanted", "found", ""], wanted)}

## Memory

Peak of making the models and of a first epoch, MiB (growth of the resident set: data, workspace, compiler and code
pages included), beside what values, gradients and Adam's slots of all models take.

{table(["network", "models", "least", *together], [row.memory_cells() for row in rows])}

## Before the second epoch

Milliseconds a model to make a population, and seconds until the models were made (and compiled) and trained for a first
epoch; of JAX and the stacked weights, an epoch of the fewer steps that are timed.

{table(["network", "models", "made, ms a model", *seconds], [row.ready_cells() for row in rows])}
{shown}"""
