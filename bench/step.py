"""How long a whole training step takes: the seven workloads, every system in a process of its own, in turns.

python bench/step.py                          # lamella, torch and numpy, all cores
python bench/step.py --threads 1 --output bench/results/step_1_thread.md
python bench/step.py --systems lamella,torch,compile,jax,numpy
"""

from lamella.bench import step
from lamella.bench.workloads import WORKLOADS
from script import command, finish, make_parser


def main() -> None:
    parser = make_parser(__doc__, rounds=7)
    parser.add_argument("--systems", default="lamella,torch,numpy", help="the first is compared with the others")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    arguments = parser.parse_args()
    systems, rows = arguments.systems.split(","), []
    for name in arguments.workloads.split(","):
        rows.append(step.run(WORKLOADS[name], systems, arguments.threads, arguments.rounds))
        print(" | ".join(rows[-1].cells()), flush=True)
    finish(step.StepTable(systems, arguments.threads, arguments.rounds, rows).markdown(command(arguments)), arguments)


if __name__ == "__main__":
    main()
