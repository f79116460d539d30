"""Plain float32 products against NumPy's BLAS, each in a process of its own, in turns.

python bench/gemm.py                          # all cores
python bench/gemm.py --threads 1
"""

import argparse
import os
import platform
import sys
from pathlib import Path

import numpy as np

from turns import Worker, answer_blocks, in_turns, machine, ratio, table

# (m, n, k) and which factor is transposed: square, and what the layers of a network ask for.
SHAPES = [
    ("1024 cubed", 1024, 1024, 1024, ""),
    ("1024 cubed, A transposed", 1024, 1024, 1024, "a"),
    ("1024 cubed, B transposed", 1024, 1024, 1024, "b"),
    ("forward 128 x 784 -> 512", 128, 512, 784, ""),
    ("input gradient 128 x 512 -> 784", 128, 784, 512, "b"),
    ("weight gradient 784 x 512, batch 128", 784, 512, 128, "a"),
    ("forward 512 x 4096 -> 4096", 512, 4096, 4096, ""),
    ("forward 32 x 64 -> 128", 32, 128, 64, ""),
    ("forward 256 x 256 -> 1", 256, 1, 256, ""),
]


def work(system: str, index: int, threads: int) -> None:
    """One system on one shape."""
    _, m, n, k, transposed = SHAPES[index]
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if transposed == "a" else (m, k)).astype(np.float32)
    b = rng.standard_normal((n, k) if transposed == "b" else (k, n)).astype(np.float32)
    c = np.zeros((m, n), np.float32)
    left, right = (a.T if transposed == "a" else a), (b.T if transposed == "b" else b)

    def once() -> None:
        np.matmul(left, right, out=c)

    about = f"NumPy {np.__version__}"
    if system == "lamella":
        from lamella import __version__, _core

        sizes = [n, k, transposed == "a", transposed == "b"]

        def once() -> None:
            _core.call_kernel("gemm", [c, a, b], m, sizes, None, _core.DType.float32, threads)

        about = f"lamella {__version__} ({_core.isa()})"
    once()
    error = np.abs(c - left.astype(np.float64) @ right.astype(np.float64)).max()
    if error > 1e-5 * k:
        raise SystemExit(f"{system} is off by {error} on {SHAPES[index][0]}")
    answer_blocks({"system": about}, once)


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] in ("lamella", "numpy"):
        work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", help="write the table to this file, too")
    arguments = parser.parse_args()
    rows, versions = [], []
    for index, (name, m, n, k, _) in enumerate(SHAPES):
        workers = {s: Worker("gemm.py", [s, str(index)], arguments.threads) for s in ("lamella", "numpy")}
        in_turns(workers, arguments.rounds)
        versions = [worker.about["system"] for worker in workers.values()]
        rates = [f"{2e-9 * m * n * k / np.median(worker.blocks):.1f}" for worker in workers.values()]
        rows.append([name, *rates, ratio(workers["numpy"], workers["lamella"])])
        print(" | ".join(rows[-1]), flush=True)
    text = f"""# Products against NumPy's BLAS, {arguments.threads} thread{"s" if arguments.threads > 1 else ""}

Machine: {machine()}.
Systems: {", ".join(versions)} (OpenBLAS, OPENBLAS_CORETYPE unset); Python {platform.python_version()}.
Command: `python bench/gemm.py --threads {arguments.threads} --rounds {arguments.rounds}`.

Float32, GFLOP/s (median of blocks), and NumPy's time / lamella's in the same round: median (least-most), then best
block over best block. Each in a process of its own, in turns; both include the call from Python.

{table(["product", "lamella", "NumPy", "NumPy / lamella"], rows)}
"""
    print("\n" + text)
    if arguments.output:
        Path(arguments.output).write_text(text)


if __name__ == "__main__":
    main()
