"""Prediction: latency of a single row, and rows a second, against PyTorch and ONNX Runtime.

python bench/prediction.py --workloads digits --systems lamella,torch
"""

import importlib.util
import platform
import statistics
import sys
import time
from dataclasses import replace

import numpy as np

from lamella.bench.report import counted_threads, machine, ratio, table
from lamella.bench.turns import measure
from lamella.bench.worker import Block, answer
from lamella.bench.workloads import WORKLOADS
from predictors import PREDICTORS, Predictor
from script import command, finish, make_parser

ROWS, CALLS = 100_000, 1000


def work(system: str, name: str, rows: int, threads: int) -> None:
    """One system on one network."""
    workload = WORKLOADS[name]
    x, _ = replace(workload, batch=rows).data()
    version, predict = PREDICTORS[system].make(workload, threads)
    some = x[:1000]
    for got in (predict(some), np.concatenate([predict(some[row : row + 1]) for row in range(10)])):
        np.testing.assert_allclose(got, workload.outputs(some)[: len(got)], rtol=1e-4, atol=1e-5)

    def all_rows(size: int) -> float:
        begin = time.perf_counter()
        for first in range(0, rows, size):
            predict(x[first : first + size])
        return time.perf_counter() - begin

    # Some are faster on the whole table, some on blocks that fit in a cache: each gets what it likes better.
    size = min((1024, rows), key=lambda size: min(all_rows(size) for _ in range(2)))
    answer({"system": version}, lambda: {**_latency(predict, x), "seconds_all": all_rows(size)})


def _latency(predict: Predictor, x: np.ndarray) -> Block:
    times = []
    for row in range(CALLS):
        single = x[row % len(x) : row % len(x) + 1]
        begin = time.perf_counter()
        predict(single)
        times.append(time.perf_counter() - begin)
    return {"seconds": statistics.median(times), "slowest": statistics.quantiles(times, n=100)[98]}


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return
    parser = make_parser(__doc__, rounds=5)
    here = [name for name, system in PREDICTORS.items() if all(map(importlib.util.find_spec, system.packages))]
    parser.add_argument("--systems", default=",".join(here), help="the first is compared with the others")
    parser.add_argument("--workloads", default="rl_policy,digits,mnist")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"default: {ROWS}")
    arguments = parser.parse_args()
    ours, *_ = systems = arguments.systems.split(",")
    latency, throughput, versions = [], [], []
    for name in arguments.workloads.split(","):
        commands = {system: [__file__, "work", system, name, str(arguments.rows)] for system in systems}
        found = measure(commands, arguments.threads, arguments.rounds)
        versions = [measured.about["system"] for measured in found.values()]
        for system, measured in found.items():
            median, slowest, whole = (measured.median(key) for key in ("seconds", "slowest", "seconds_all"))
            beside = [ratio(measured, found[ours], key) for key in ("seconds", "seconds_all")]
            latency.append([name, system, f"{1e6 * median:.1f}", f"{1e6 * slowest:.1f}", beside[0]])
            throughput.append([name, system, f"{1e-6 * arguments.rows / whole:.2f}", beside[1]])
            print(" | ".join([*latency[-1], *throughput[-1][2:]]), flush=True)
    text = f"""# Prediction, {counted_threads(arguments.threads)}

Machine: {machine()}.
Systems: {", ".join(versions)}; Python {platform.python_version()}.
Command: `{command(arguments)}`.

Float32, NumPy to NumPy; each system in a process of its own, in turns, its outputs checked against float64 before.
Ratio: its time / {ours}'s in the same round, median (least-most), then best block over best block.

## A single row: µs a call, of {CALLS} calls a block

{table(["network", "system", "median", "99th percentile", f"median / {ours}'s"], latency)}

## {arguments.rows} rows: millions a second, all at once or 1024 at a time, whichever is faster for it

{table(["network", "system", "million rows/s", f"time / {ours}'s"], throughput)}
"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
