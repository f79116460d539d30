"""``lamella bench``."""

import shlex
from argparse import Namespace
from pathlib import Path

from lamella._atomic import write_atomically
from lamella.bench import picture, step, systems
from lamella.bench.report import cores, counted_threads, machine
from lamella.bench.step import StepTable
from lamella.bench.turns import WorkerError
from lamella.bench.workloads import WORKLOADS
from lamella.cli.errors import CliError
from lamella.cli.figures import print_figures
from lamella.cli.output import check_file
from lamella.cli.wording import counted


def run(args: Namespace) -> None:
    """Measure, print, write."""
    for option, path in (("--output", args.output), ("--picture", args.picture)):
        if path is not None:
            check_file(path, option)
    names = _systems(args.systems)
    threads = args.threads or cores()
    print(f"{machine()}; {counted_threads(threads)}, {counted(args.rounds, 'round')}: {', '.join(names)}", flush=True)
    table = StepTable(names, threads, args.rounds, [])
    for number, name in enumerate(args.workloads, 1):
        print(f"{number}/{len(args.workloads)} {name}: ", end="", flush=True)
        try:
            row = step.run(WORKLOADS[name], names, threads, args.rounds)
        except WorkerError as error:
            print("failed", flush=True)
            raise CliError(f"{error} (--systems leaves out what does not run here)") from error
        table.rows.append(row)
        print(f"{1e6 * row.seconds:.0f} µs a step of {names[0]}", flush=True)

    print()
    print_figures(table.short_header, [row.short_cells() for row in table.rows])
    if names[1:]:
        print(f"\n{', '.join(names[1:])}: time of a step over {names[0]}'s; more than 1: {names[0]} is faster")
    print(f"efficiency: of the multiply-adds that its threads can do at most ({table.limits})")
    if args.output is not None:
        write_atomically(args.output, table.markdown(_command(args, names, threads)).encode())
        print(f"wrote {args.output}")
    if args.picture is not None:
        _draw(table, args.picture)


def _systems(asked: list[str] | None) -> list[str]:
    """First lamella, then the peers asked for, or all that are installed."""
    names = list(dict.fromkeys(["lamella", *(asked or systems.SYSTEMS)]))
    missing = systems.missing(names)
    if missing and asked is not None:
        name, package = next(iter(missing.items()))
        raise CliError(f"--systems names {name}, which needs {package}, which is not installed: pip install {package}")
    for package in dict.fromkeys(missing.values()):
        left_out = " and ".join(name for name in missing if missing[name] == package)
        print(f"{package} is not installed: {left_out} left out")
    return [name for name in names if name not in missing]


def _command(args: Namespace, names: list[str], threads: int) -> str:
    options = {"workloads": ",".join(args.workloads), "systems": ",".join(names)}
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    return shlex.join(["lamella", "bench", *given, "--threads", str(threads), "--rounds", str(args.rounds)])


def _draw(table: StepTable, path: str) -> None:
    if len(table.systems) == 1:
        print("no picture: there is no peer to compare with")
        return
    try:
        drawn = picture.draw(table, Path(path).suffix[1:].lower())
    except ImportError:
        print('no picture: it needs matplotlib, which is not installed: pip install "lamella[train]"')
        return
    write_atomically(path, drawn)
    print(f"wrote {path}")
