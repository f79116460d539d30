"""How much of a source's speed does training keep? Rows/s of ``fit`` from each kind of source, beside reading it alone.

python bench/streams.py --threads 1
"""

import argparse
import itertools
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

import lamella as lm
from lamella import _core, data, nn, optim
from lamella.bench.report import counted_threads, machine, table
from script import command, finish, make_parser

#: Hidden units: next to nothing to compute, as much as reading takes, and more.
NETWORKS = {"linear": (), "64": (64,), "256-256": (256, 256)}


class Set:
    """The same rows in all forms."""

    def __init__(self, folder: Path, rows: int, width: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((rows, width), np.float32)
        self.y = (self.x[:, :2].sum(axis=1) > 0).astype(np.int64)
        columns = {f"x{index}": column for index, column in enumerate(self.x.T)}
        found = pyarrow.table({**columns, "label": self.y})
        self.folder = folder
        np.save(folder / "x.npy", self.x)
        np.save(folder / "doubles.npy", self.x.astype(np.float64))
        pyarrow.parquet.write_table(found, folder / "x.parquet", row_group_size=2**17)
        pyarrow.csv.write_csv(found, folder / "x.csv")

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As a user's generator gives them."""
        for begin in range(0, len(self.x), 1000):
            yield self.x[begin : begin + 1000], self.y[begin : begin + 1000]

    def sources(self) -> dict[str, data.Source]:
        folder = self.folder
        return {
            "iterable, batches of 1000": data.batches(self.chunks),
            ".npy, float32": data.npy(folder / "x.npy", self.y),
            ".npy, float64": data.npy(folder / "doubles.npy", self.y),
            "Parquet": data.parquet(folder / "x.parquet", target="label"),
            "CSV": data.csv(folder / "x.csv", target="label"),
        }


def make_trainer(width: int, hidden: tuple[int, ...]) -> lm.Trainer:
    sizes = [width, *hidden]
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(sizes[-1], 2), seed=0)
    return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3))


def read(source: data.Source) -> None:
    """All rows, as float32 in C order, which is what training needs of them."""
    for chunk in source.chunks(np.random.default_rng(0)):
        np.ascontiguousarray(chunk.x, np.float32)


def least(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least seconds of each, in turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def lines(given: Set, hidden: tuple[int, ...], arguments: argparse.Namespace) -> list[list[str]]:
    """A line for each source, and one for arrays in memory."""
    width, batch = given.x.shape[1], arguments.batch
    sources = given.sources()
    trainers = {name: make_trainer(width, hidden) for name in ["memory", *sources]}
    runs: dict[str, Callable[[], object]] = {"memory": lambda: trainers["memory"].fit(given.x, given.y, 1, batch)}
    for name, source in sources.items():
        runs[name] = lambda name=name, source=source: trainers[name].fit(source, batch_size=batch)
        runs[f"read {name}"] = lambda source=source: read(source)
    found = least(runs, arguments.rounds)
    for name, trainer in trainers.items():
        accuracy = trainer.evaluate(given.x, given.y)["accuracy"]
        if not accuracy > 0.6:
            raise AssertionError(f"{name} does not learn: accuracy {accuracy:.3f}")
    memory, rows = found["memory"], len(given.x)
    shown = [["arrays in memory", "", f"{rows / memory / 1e3:.0f}", "", "1.00"]]
    for name in sources:
        reading, fitting = found[f"read {name}"], found[name]
        ideal = max(reading, memory)
        shown.append(
            [
                name,
                *(f"{rows / s / 1e3:.0f}" for s in (reading, fitting)),
                f"{ideal / fitting:.2f}",
                f"{memory / fitting:.2f}",
            ]
        )
        print(*shown[-1], flush=True)
    return shown


def main() -> None:
    parser = make_parser(__doc__, rounds=5)
    parser.add_argument("--rows", type=int, default=400_000, help="of the set; default: 400,000")
    parser.add_argument("--width", type=int, default=50, help="features of a row; default: 50")
    parser.add_argument("--batch", type=int, default=256, help="batch size; default: 256")
    arguments = parser.parse_args()
    lm.set_num_threads(arguments.threads)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        given = Set(Path(folder), arguments.rows, arguments.width)
        for name, hidden in NETWORKS.items():
            print(name, flush=True)
            header = ["source", "read, 1000 rows/s", "fit, 1000 rows/s", "of the slower one", "of memory"]
            parts.append(f"## Hidden layers: {name}\n\n{table(header, lines(given, hidden, arguments))}")
    text = f"""# Training from sources, {counted_threads(arguments.threads)}

Machine: {machine()}.
System: lamella {lm.__version__} ({_core.isa()}); NumPy {np.__version__}; pyarrow {pyarrow.__version__}; \
Python {platform.python_version()}.
Command: `{command(arguments)}`.

{arguments.rows:,} rows of {arguments.width} numbers, batches of {arguments.batch}, shuffled (in windows, but for arrays
in memory); files lie in the page cache. Least time of {arguments.rounds} epochs each, in turns. "Of the slower one":
what `fit` reaches of the rate of reading alone or of training from memory, whichever is lower; 1 is as fast as both
allow, and less where the two share cores.

{(chr(10) * 2).join(parts)}
"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
