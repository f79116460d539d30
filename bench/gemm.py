"""The products of layers in float32, against every BLAS that is installed, each in a process of its own, in turns.

python bench/gemm.py                          # all cores
python bench/gemm.py --threads 1 --shapes "1024 cubed"
"""

import math
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import blas
from lamella import __version__, _core
from lamella.bench.report import counted_threads, machine, median_ratio, ratio, table
from lamella.bench.turns import measure
from lamella.bench.worker import answer, block_of
from script import command, finish, make_parser


@dataclass(frozen=True)
class Shape:
    """C (m, n) = A B over k terms, a factor transposed or not."""

    name: str
    m: int
    n: int
    k: int
    transpose_a: bool = False
    transpose_b: bool = False


def _products(batch: int, inputs: int, outputs: int) -> list[Shape]:
    layer = f"{inputs} -> {outputs}, batch {batch}"
    return [
        Shape(f"forward {layer}", batch, outputs, inputs),
        Shape(f"input gradient {layer}", batch, inputs, outputs, transpose_b=True),
        Shape(f"weight gradient {layer}", inputs, outputs, batch, transpose_a=True),
    ]


#: (batch, inputs, outputs) of layers that are trained, and of some that answer single rows.
_TRAINED = [
    (32, 17, 64), (32, 64, 64), (32, 784, 256), (128, 17, 64), (128, 256, 3), (128, 256, 256), (128, 784, 1024),
    (512, 256, 64), (512, 1024, 1024), (512, 4096, 1024), (4096, 64, 256), (4096, 784, 64),
]  # fmt: skip
_SINGLE = [(1, 17, 64), (1, 256, 256), (1, 784, 1024), (1, 4096, 1024)]

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("1024 cubed", 1024, 1024, 1024),
        Shape("1024 cubed, A transposed", 1024, 1024, 1024, transpose_a=True),
        Shape("1024 cubed, B transposed", 1024, 1024, 1024, transpose_b=True),
        *(shape for layer in _TRAINED for shape in _products(*layer)),
        *(_products(*layer)[0] for layer in _SINGLE),
    )
}


def work(system: str, name: str, loops: str, threads: int) -> None:
    """One system on one shape."""
    shape = SHAPES[name]
    rng = np.random.default_rng(0)
    m, n, k = shape.m, shape.n, shape.k
    a = rng.standard_normal((k, m) if shape.transpose_a else (m, k)).astype(np.float32)
    b = rng.standard_normal((n, k) if shape.transpose_b else (k, n)).astype(np.float32)
    c = np.full((m, n), np.nan, np.float32)
    if system == "lamella":
        about = f"lamella {__version__} ({_core.isa()})"

        sizes, dtype = [n, k, shape.transpose_a, shape.transpose_b], _core.DType.float32
        team = min(threads, _core.worthwhile_threads(m * n * k, 1))  # as many as a program would give it

        def repeat(repeats: int) -> object:
            return _core.call_kernel("gemm", [c, a, b], m, sizes, None, dtype, team, repeats)
    else:
        about = blas.describe(system)
        repeat = blas.product(system, loops, c, a, b, shape.transpose_a, shape.transpose_b)
    repeat(1)
    left, right = (a.T if shape.transpose_a else a), (b.T if shape.transpose_b else b)
    error = np.abs(c - left.astype(np.float64) @ right.astype(np.float64)).max()
    if not error <= 1e-5 * k:
        raise SystemExit(f"{system} is off by {error} on {name}")
    repeats = max(1, int(0.002 / seconds_of_one(repeat)))
    answer({"system": about}, block_of(lambda: repeat(repeats), 0.06, repeats))


def seconds_of_one(repeat: Callable[[int], object]) -> float:
    """About; of a product in a loop."""
    repeat(1)
    repeats, seconds = 1, 0.0
    while seconds < 0.002:
        begin = time.perf_counter()
        repeat(repeats)
        seconds = time.perf_counter() - begin
        repeats *= 2
    return 2 * seconds / repeats


def main() -> None:
    if len(sys.argv) == 6 and sys.argv[1] == "work":
        work(*sys.argv[2:5], threads=int(sys.argv[5]))
        return
    parser = make_parser(__doc__, rounds=5)
    parser.add_argument("--shapes", default="", help="only shapes with this in their names")
    arguments = parser.parse_args()
    systems = ["lamella", *blas.installed()]
    rows, ratios, versions = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        loops = str(blas.compile_loops(folder))
        for shape in (shape for name, shape in SHAPES.items() if arguments.shapes in name):
            commands = {system: [__file__, "work", system, shape.name, loops] for system in systems}
            found = measure(commands, arguments.threads, arguments.rounds)
            versions = [measured.about["system"] for measured in found.values()]
            best = min(systems[1:], key=lambda system: found[system].median())
            rates = [f"{2e-9 * shape.m * shape.n * shape.k / measured.median():.1f}" for measured in found.values()]
            ratios.append(median_ratio(found[best], found["lamella"]))
            rows.append([shape.name, *rates, best, ratio(found[best], found["lamella"])])
            print(" | ".join(rows[-1]), flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    behind = sum(value < 0.95 for value in ratios)
    text = f"""# Products against BLAS, {counted_threads(arguments.threads)}

Machine: {machine()}.
Systems: {", ".join(versions)}; Python {platform.python_version()}.
Command: `{command(arguments)}`.

Float32, GFLOP/s (median of blocks), and the time of the fastest BLAS / lamella's in the same round: median
(least-most), then best block over best block. More than 1: lamella is faster. Each in a process of its own, in
turns, all in native loops; each product was checked against float64 before it was timed.

{table(["product", *systems, "fastest BLAS", "its time / lamella's"], rows)}

Geometric mean of the ratios: {mean:.2f}; below 0.95: {behind} of {len(ratios)} products.
"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
