"""What products in bfloat16 save of a training step, and what they cost in accuracy.

python bench/bf16.py --output bench/results/bf16_2_threads.md

Where the processor has neither AMX nor AVX512-BF16 it measures the emulation, which is slower than float32. Where it
has both, LAMELLA_BF16=avx512 has it take the slower one.
"""

import argparse
import statistics

import numpy as np

import lamella as lm
from lamella import nn, optim
from lamella.bench import limits, step
from lamella.bench.report import counted_threads, machine, table
from lamella.bench.systems import bf16_step
from lamella.bench.workloads import WORKLOADS
from script import command, finish, make_parser

HEADER = ["workload", "bfloat16 µs", "GFLOP/s", "threads", "of the float32 limit", "float32 / bfloat16"]


def accuracies(precision: str | None, seeds: int) -> list[float]:
    """On held-out rows of digits, by seed."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    found = []
    for seed in range(seeds):
        rows = np.random.default_rng(seed).permutation(len(x))
        train, test = rows[:1400], rows[1400:]
        model = nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10), seed=seed
        )
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()), precision=precision)
        trainer.fit(x[train], y[train], epochs=30)
        found.append(trainer.evaluate(x[test], y[test])["accuracy"])
    return found


def report(arguments: argparse.Namespace, rows: list[step.Row], scores: dict[str, list[float]]) -> str:
    lines = [
        [name, f"{statistics.mean(found):.4f}", f"{statistics.stdev(found):.4f}"] for name, found in scores.items()
    ]
    return f"""# Training steps in bfloat16, {counted_threads(arguments.threads)}

Machine: {machine()}.
Limits of float32, measured in the same run: {limits.measure(arguments.threads)}.
System: {rows[0].ours.about["system"]}.
Command: `{command(arguments)}`.

Time of a whole step with float32 products over that with bfloat16 ones, each in a process of its own, in turns: median
(least-most), then best over best. More than 1: bfloat16 is faster.

{table(HEADER, [row.cells() for row in rows])}

Accuracy on held-out rows of digits after 30 epochs of Adam, {arguments.seeds} seeds:

{table(["products", "mean", "deviation"], lines)}
"""


def main() -> None:
    parser = make_parser(__doc__, rounds=7)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.workloads.split(","):
        rows.append(step.run(WORKLOADS[name], ["bf16", "lamella"], arguments.threads, arguments.rounds))
        print(" | ".join(rows[-1].cells()), flush=True)
    scores = {name or "float32": accuracies(name, arguments.seeds) for name in (None, bf16_step.precision())}
    finish(report(arguments, rows, scores), arguments)


if __name__ == "__main__":
    main()
