"""What the scripts of this folder have in common: their options, their command, and where their text goes."""

import argparse
import shlex
import sys
from pathlib import Path

from lamella.bench.report import cores


def make_parser(description: str | None, rounds: int | None = None, threads: bool = True) -> argparse.ArgumentParser:
    """A parser with ``--output``, and with ``--threads`` and ``--rounds`` where there are any."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if threads:
        parser.add_argument("--threads", type=int, default=cores(), help="and cores; default: all")
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds, help=f"blocks of each system; default: {rounds}")
    parser.add_argument("--output", help="write the text to this file, too")
    return parser


def command(arguments: argparse.Namespace) -> str:
    """What gives this report, defaults written out."""
    options = {
        name: value
        for name, value in vars(arguments).items()
        if name != "output" and value != "" and value is not False
    }
    words = [
        word for name, value in options.items() for word in (f"--{name}", *([] if value is True else [str(value)]))
    ]
    return shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *words])


def finish(text: str, arguments: argparse.Namespace) -> None:
    """Print the report, and write it if asked to."""
    print("\n" + text)
    if arguments.output:
        Path(arguments.output).write_text(text, encoding="utf-8")
