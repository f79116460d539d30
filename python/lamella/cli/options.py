"""Types of options: texts to checked values."""

import argparse
import math
from collections.abc import Callable, Iterable
from typing import NoReturn

from lamella.cli.errors import CliError

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|"}


class Parser(argparse.ArgumentParser):
    """A parser that raises CliError, so that every wrong use ends in one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise."""
        raise CliError(f"{message} (see {self.prog} --help)")


#: Widest layer: the product of two such widths is still a size that memory could have.
_WIDEST = 2**20


def whole(least: int, most: float = math.inf) -> Callable[[str], int]:
    """An integer in [least, most]."""
    expected = f"of at least {least}" if math.isinf(most) else f"in [{least}, {most}]"

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {expected}")
        return value

    return convert


def share(text: str) -> float:
    """A number in [0, 1)."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number in [0, 1)")
    return value


def positive(text: str) -> float:
    """A finite number above 0."""
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def layers(text: str) -> list[int]:
    """Widths with commas between, or none."""
    if text == "none":
        return []
    try:
        widths = [int(part) for part in text.split(",")]
    except ValueError:
        widths = [0]
    if not 1 <= min(widths) <= max(widths) <= _WIDEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of widths such as 128,64 (or none)")
    return widths


def names(known: Iterable[str], what: str) -> Callable[[str], list[str]]:
    """Some of the known names, with commas between; each once, in the order given."""
    known = list(known)

    def convert(text: str) -> list[str]:
        found = list(dict.fromkeys(text.split(",")))
        if not set(found) <= set(known):
            raise argparse.ArgumentTypeError(f"{text!r} is not a list, with commas, of {what}: {', '.join(known)}")
        return found

    return convert


def file_name(*suffixes: str) -> Callable[[str], str]:
    """A name with one of the suffixes."""

    def convert(text: str) -> str:
        if not text.lower().endswith(suffixes):
            raise argparse.ArgumentTypeError(f"{text!r} is not the name of a file that ends in {' or '.join(suffixes)}")
        return text

    return convert


def delimiter(text: str) -> str:
    """One character, or the name of one."""
    value = _DELIMITERS.get(text, text)
    if len(value) != 1 or value in ' "\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, nor one of {', '.join(_DELIMITERS)}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
