"""Time and memory of a training step as the batch, the width or the depth of a network grows.

python bench/scaling.py --sweeps batch,depth --systems lamella,torch,jax
"""

import platform
from collections.abc import Iterator

from lamella.bench import step
from lamella.bench.report import counted_threads, machine, ratio, table
from lamella.bench.workloads import Workload
from script import command, finish, make_parser

BATCHES = (1, 2, 8, 32, 128, 512, 2048, 8192)
WIDTHS = (3, 17, 64, 256, 1024, 2048, 4096, 8192)
DEPTHS = (1, 2, 4, 8, 16, 32, 64)

#: What a sweep changes, and what it leaves alone.
SWEEPS = {
    "batch": "64-256-256-10, relu, Adam",
    "width": "WIDTH-WIDTH-10, relu, batch 128, Adam",
    "depth": "16-32-...-32-10, so many hidden layers, tanh, batch 64, Adam",
}


def networks(sweep: str) -> Iterator[tuple[int, Workload]]:
    """What is changed, and the workload."""
    if sweep == "batch":
        for batch in BATCHES:
            yield batch, Workload(f"batch {batch}", (64, 256, 256, 10), "relu", batch, "adam", "ce")
    elif sweep == "width":
        for width in WIDTHS:
            yield width, Workload(f"width {width}", (width, width, 10), "relu", 128, "adam", "ce")
    else:
        for depth in DEPTHS:
            yield depth, Workload(f"depth {depth}", (16, *[32] * depth, 10), "tanh", 64, "adam", "ce")


def main() -> None:
    parser = make_parser(__doc__, rounds=5)
    parser.add_argument("--systems", default="lamella,torch", help="the first is compared with the others")
    parser.add_argument("--sweeps", default=",".join(SWEEPS))
    parser.add_argument("--most", type=float, default=2e10, help="skip steps of more multiply-adds; default: 2e10")
    arguments = parser.parse_args()
    ours, *peers = systems = arguments.systems.split(",")
    header = [f"{ours} µs", "GFLOP/s", *[f"{peer} / {ours}" for peer in peers], "least MiB"]
    sections, versions = [], []
    for sweep in arguments.sweeps.split(","):
        rows = []
        for changed, workload in networks(sweep):
            if workload.multiply_adds > arguments.most:
                continue
            row = step.run(workload, systems, arguments.threads, arguments.rounds)
            versions = [measured.about["system"] for measured in row.measured.values()]
            figures = [f"{1e6 * row.seconds:.0f}", f"{2e-9 * row.multiply_adds_per_second:.1f}"]
            ratios = [ratio(peer, row.ours) for peer in row.peers.values()]
            rows.append([str(changed), *figures, *ratios, *row.memory_cells()[1:]])
            print(sweep, " | ".join(rows[-1]), flush=True)
        columns = [sweep, *header, *[f"{system} MiB" for system in systems]]
        sections.append(f"## By {sweep}: {SWEEPS[sweep]}\n\n{table(columns, rows)}\n")
    text = f"""# Training steps by size, {counted_threads(arguments.threads)}

Machine: {machine()}.
Systems: {", ".join(versions)}; Python {platform.python_version()}.
Command: `{command(arguments)}`.

Float32; whole steps, the first loss checked against float64; ratio = peer's time / {ours}'s in the same round: median
(least-most), then best block over best block. Memory: peak of making the model and of its first steps (growth of the
resident set), beside the least that the arithmetic needs.

{chr(10).join(sections)}"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
