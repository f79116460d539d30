"""How long a step of one model takes where many are trained: a population beside JAX's vmap and PyTorch.

python bench/population.py --output bench/results/population_2_threads.md
"""

import sys
import time
from pathlib import Path

from lamella.bench.memory import peak_growth
from lamella.bench.turns import measure
from lamella.bench.worker import Block, answer
from populations import SYSTEMS, Trained, here
from populations.networks import NETWORKS, Task
from populations.report import Row, report
from script import command, finish, make_parser

MODELS, ROWS, BLOCK = (1, 4, 16, 64, 256, 1024), 1437, 0.4


def work(name: str, network: str, models: int, rows: int, threads: int) -> None:
    """One system, one network, one number of models."""
    system = SYSTEMS[name]
    module = system.load()
    task = Task(NETWORKS[network], models, rows, 1 if system.one_core else threads)

    def start() -> tuple[Trained, float, float]:
        begin = time.perf_counter()
        trained: Trained = module.make(task, name)
        made = time.perf_counter() - begin
        trained.epochs(1, True)
        return trained, made, time.perf_counter() - begin

    (trained, made, ready), memory = peak_growth(start)
    check(module.make(task.made_checkable(), name))
    begin = time.perf_counter()
    trained.epochs(1, True)
    epochs = max(system.least_epochs, round(BLOCK / (time.perf_counter() - begin)))
    steps = epochs * trained.task.steps * trained.task.models * (threads if system.one_core else 1)

    def block() -> Block:
        begin = time.perf_counter()
        trained.epochs(epochs, True)
        return {"seconds": (time.perf_counter() - begin) / steps}

    answer({"system": trained.version, "memory": memory, "made": made, "ready": ready}, block)


def check(trained: Trained) -> None:
    """SystemExit if models do not come to the losses that they must come to."""
    task, epochs = trained.task, 2
    found = trained.epochs(epochs, False)
    for number in sorted({0, task.models // 2, task.models - 1}):
        expected = task.expected(number, epochs)
        if not abs(found[number] - expected) <= 1e-4 * max(1.0, abs(expected)):
            raise SystemExit(
                f"{trained.version}: the loss of model {number} of {task.models} ({task.network.name}) is "
                f"{found[number]} after {epochs} epochs but should be {expected}"
            )


def main() -> None:
    if sys.argv[1:2] == ["work"]:
        name, network, models, rows, threads = sys.argv[2:]
        work(name, network, int(models), int(rows), int(threads))
        return
    parser = make_parser(__doc__, rounds=5)
    usual = [name for name in here() if name != "compile"]
    parser.add_argument("--systems", default=",".join(usual), help="what lamella is compared with, and lamella")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--models", default=",".join(map(str, MODELS)))
    parser.add_argument("--rows", type=int, default=ROWS, help=f"of the data; default: {ROWS}")
    arguments = parser.parse_args()
    systems = ["lamella", *[name for name in arguments.systems.split(",") if name != "lamella"]]
    rows = []
    for network in arguments.networks.split(","):
        for models in map(int, arguments.models.split(",")):
            task = [network, str(models), str(arguments.rows)]
            commands = {name: [__file__, "work", name, *task] for name in systems}
            rows.append(Row(NETWORKS[network], models, measure(commands, arguments.threads, arguments.rounds)))
            print(" | ".join([network, *rows[-1].cells()]), flush=True)
    picture = None
    if arguments.output:
        from populations.picture import draw

        picture = Path(arguments.output).with_suffix(".svg")
        draw(rows, arguments.threads, picture)
    finish(report(rows, arguments.threads, command(arguments), picture), arguments)


if __name__ == "__main__":
    main()
