"""How long a whole training step takes: the seven workloads, every system in a process of its own, in turns.

python bench/step.py                          # lamella, torch and numpy, all cores
python bench/step.py --threads 1 --output bench/results/step_1_thread.md
"""

import argparse
import os
import platform
import statistics
from pathlib import Path

from turns import Worker, in_turns, machine, ratio, table
from workloads import WORKLOADS

SYSTEMS = ("lamella", "torch", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="the first is compared with the others")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", help="write the tables to this file, too")
    arguments = parser.parse_args()
    systems, threads = arguments.systems.split(","), arguments.threads
    ours, peers = systems[0], systems[1:]

    speed, memory, versions = [], [], {}
    for name in arguments.workloads.split(","):
        workload = WORKLOADS[name]
        workers = {system: Worker("step_worker.py", [system, name], threads) for system in systems}
        in_turns(workers, arguments.rounds)
        versions = {system: worker.about["system"] for system, worker in workers.items()}
        seconds = statistics.median(workers[ours].blocks)
        figures = [f"{1e6 * seconds:.0f}", f"{2e-9 * workload.multiply_adds / seconds:.1f}"]
        speed.append([name, *figures, *[ratio(workers[peer], workers[ours]) for peer in peers]])
        used = [f"{workers[system].about['memory_kib'] / 1024:.1f}" for system in systems]
        memory.append([name, f"{workload.least_bytes / 2**20:.1f}", *used])
        print(" | ".join(speed[-1]), flush=True)

    text = f"""# Whole training step, {threads} thread{"s" if threads > 1 else ""}

Machine: {machine()}.
Systems: {", ".join(versions.values())}; Python {platform.python_version()}.
Command: `python bench/step.py --systems {arguments.systems} --threads {threads} --rounds {arguments.rounds}`.

Float32; forward, loss, backward, update, loss returned to Python; all fed with the same NumPy batch. Each system in a
process of its own, blocks of steps in turns; ratio = peer's time / {ours}'s in the same round: median (least-most),
then the peer's best block over {ours}'s best. More than 1: {ours} is faster. Each system's first loss was
checked against float64 before it was timed.

{table(["workload", f"{ours} µs", "GFLOP/s", *[f"{peer} / {ours}" for peer in peers]], speed)}

Peak memory of making the model and of its first steps, MiB (growth of the resident set; packing space, allocator and
code pages included), beside the least that the arithmetic needs (parameters, gradients, slots, saved activations,
batch):

{table(["workload", "least", *systems], memory)}
"""
    print("\n" + text)
    if arguments.output:
        Path(arguments.output).write_text(text)


if __name__ == "__main__":
    main()
