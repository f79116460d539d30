"""What feeding costs: ``Trainer.fit`` of 1,000 steps against 1,000 calls of ``Trainer.step`` on the same data.

python bench/feeding.py --workloads mnist
"""

import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import lamella as lm
from lamella.bench.report import counted_threads, machine, ratio, table
from lamella.bench.systems import lamella_step
from lamella.bench.turns import measure
from lamella.bench.worker import Block, answer
from lamella.bench.workloads import WORKLOADS
from script import command, finish, make_parser

STEPS, BATCHES = 1000, 100  # so a block is ten epochs
Array = np.ndarray[Any, np.dtype[Any]]


def fit(trainer: lm.Trainer, x: Array, y: Array, epochs: int, shuffle: bool) -> list[float]:
    """Losses of the epochs, by ``fit``."""
    return trainer.fit(x, y, epochs=epochs, batch_size=len(x) // BATCHES, shuffle=shuffle)["loss"]


def steps(trainer: lm.Trainer, x: Array, y: Array, epochs: int, shuffle: bool) -> list[float]:
    """The same by a loop over ``step``, as one writes it with NumPy."""
    rng = np.random.default_rng(0)
    batch = len(x) // BATCHES
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x)) if shuffle else None
        total = 0.0
        for begin in range(0, len(x), batch):
            rows = slice(begin, begin + batch) if order is None else order[begin : begin + batch]
            total += trainer.step(x[rows], y[rows])
        losses.append(total / BATCHES)
    return losses


def work(name: str, way: Callable[..., list[float]], shuffle: bool, threads: int) -> None:
    """One way of feeding one workload."""
    workload = WORKLOADS[name]
    trainer = lamella_step.make_trainer(workload, threads)
    x, y = replace(workload, batch=BATCHES * workload.batch).data()
    first = way(trainer, x, y, 2, False)
    way(trainer, x, y, 1, shuffle)

    def block() -> Block:
        begin = time.perf_counter()
        way(trainer, x, y, STEPS // BATCHES, shuffle)
        return {"seconds": (time.perf_counter() - begin) / STEPS}

    answer({"system": lamella_step.describe(), "losses": first}, block)


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        name, way, shuffle, threads = sys.argv[2:]
        work(name, {"fit": fit, "step": steps}[way], shuffle == "shuffled", int(threads))
        return
    parser = make_parser(__doc__, rounds=7)
    parser.add_argument("--workloads", default="rl_policy,digits,mnist")
    arguments = parser.parse_args()
    rows, system = [], ""
    for name in arguments.workloads.split(","):
        for order in ("in order", "shuffled"):
            commands = {way: [__file__, "work", name, way, order] for way in ("fit", "step")}
            found = measure(commands, arguments.threads, arguments.rounds)
            losses = {way: measured.about["losses"] for way, measured in found.items()}
            if not np.allclose(losses["fit"], losses["step"], rtol=1e-12, atol=0):
                raise SystemExit(f"fit and step differ on {name}: {losses}")
            system = found["fit"].about["system"]
            times = [f"{1e6 * measured.median():.1f}" for measured in found.values()]
            rows.append([name, order, *times, ratio(found["step"], found["fit"])])
            print(" | ".join(rows[-1]), flush=True)
    text = f"""# fit against a loop over step, {counted_threads(arguments.threads)}

Machine: {machine()}.
System: {system}; NumPy {np.__version__}; Python {platform.python_version()}.
Command: `{command(arguments)}`.

Microseconds a step over {STEPS} steps ({BATCHES} batches, {STEPS // BATCHES} times); shuffled: `fit` gathers the rows
itself, the loop takes them by NumPy (`x[rows]`). Ratio: the loop's time / `fit`'s in the same round, median
(least-most), then best block over best block. In order, both were found to give the same losses.

{table(["workload", "rows", "fit µs", "step µs", "step / fit"], rows)}
"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
