"""Where the time of a step goes: each op of each workload, beside what the machine can do at most.

python bench/roofline.py --workloads mnist,wide
"""

import platform

from lamella.bench import limits
from lamella.bench.report import counted_threads, machine, table
from lamella.bench.systems import lamella_step
from lamella.bench.workloads import WORKLOADS, Workload
from script import command, finish, make_parser

#: Multiply-adds of all repeats of a step, about: under a second.
_MULTIPLY_ADDS = 2e10


def ops_of(workload: Workload, threads: int) -> str:
    """The workload's section."""
    repeats = max(5, min(500, int(_MULTIPLY_ADDS / workload.multiply_adds)))
    used = lamella_step.threads_used(workload, threads)
    most = limits.measure(used)
    ops = lamella_step.time_ops(workload, threads, repeats)
    whole = sum(seconds for _, seconds, _, _ in ops)
    named = [*ops, ("all", whole, sum(op[2] for op in ops), sum(op[3] for op in ops))]
    rows = []
    for name, seconds, multiply_adds, moved in named:
        rate, speed = multiply_adds / seconds, moved / seconds
        rows.append(
            [
                name,
                f"{1e6 * seconds:.1f}",
                f"{100 * seconds / whole:.0f}%",
                f"{2e-9 * rate:.1f}" if rate else "-",
                f"{rate / most.multiply_adds_per_second:.2f}" if rate else "-",
                f"{1e-9 * speed:.1f}",
                f"{speed / most.copy_bytes_per_second:.2f}",
            ]
        )
    header = ["op", "µs", "share", "GFLOP/s", "of the FMA limit", "GB/s", "of a copy"]
    return f"""## {workload.name}

Uses {most}.

{table(header, rows)}
"""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    arguments = parser.parse_args()
    sections = []
    for name in arguments.workloads.split(","):
        sections.append(ops_of(WORKLOADS[name], arguments.threads))
        print(sections[-1], flush=True)
    text = f"""# The ops of a training step, {counted_threads(arguments.threads)}

Machine: {machine()}.
System: {lamella_step.describe()}; Python {platform.python_version()}.
Command: `{command(arguments)}`.

Each op alone, all threads waiting for each other before and after it: the least time of many steps. Limits are
measured in the same run: multiply-adds in registers, and a copy between arrays that no cache holds (what fits in a
cache moves faster than that). Multiply-adds and bytes are what the op cannot do without; bytes count once what it
reads and what it writes.

{chr(10).join(sections)}"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
