"""Columns of text as columns of numbers or categories."""

import re
import shlex
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lamella.cli.errors import CliError
from lamella.cli.wording import quoted

if TYPE_CHECKING:
    from lamella.cli.table import Table

#: Texts, in lower case, that mean "no value" in any column, and more that do among numbers.
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "?"})
MISSING_NUMBER = MISSING | {"none", "-"}

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
#: Of these characters, what float() takes is what _NUMBER matches.
_PLAIN = b"0123456789+-eE"
_WHOLE = re.compile(r"([-+]?\d+)\.0*", re.ASCII)


@dataclass(frozen=True)
class Column:
    """A column ready for use.

    Attributes
    ----------
    name : str
    values : ndarray, (n,)
        float64 with NaN where there is no value, or texts (dtype object) with "" there.
    """

    name: str
    values: NDArray[Any]

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.values.dtype.kind == "f"

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no value, (n,)."""
        result: NDArray[np.bool_] = np.isnan(self.values) if self.numeric else self.values == ""
        return result

    def take(self, rows: NDArray[Any]) -> "Column":
        """The column of some rows only."""
        return Column(self.name, self.values[rows])


def to_number(text: str, decimal: str = ".") -> float | None:
    """The number that a cell says, infinite if it is too large; None if it says none."""
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    return float(text) if _NUMBER.fullmatch(text) else None


def to_category(text: str) -> str:
    """The category that a cell says, "" for none; 3.0 is the same as 3."""
    if text.lower() in MISSING:
        return ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def categories(table: "Table", name: str) -> Column:
    """A column as categories."""
    cells = table.columns[name]
    meanings = {text: to_category(text) for text in set(cells)}
    values = np.empty(len(cells), object)
    values[:] = [meanings[text] for text in cells]
    return Column(name, values)


def _plain_numbers(cells: list[str], decimal: str) -> NDArray[np.float64] | None:
    """The usual column, fast: all cells are finite numbers as Python writes them. None for another."""
    allowed = _PLAIN + b"." if decimal == "." else _PLAIN
    if "".join(cells).encode().translate(None, allowed):
        return None
    try:
        values = np.array(list(map(float, cells)))
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def numbers(table: "Table", name: str, decimal: str = ".", remark: str = "") -> Column:
    """A column as numbers; CliError with the first cell that is none."""
    cells = table.columns[name]
    plain = _plain_numbers(cells, decimal)
    if plain is not None:
        return Column(name, plain)
    meanings: dict[str, float] = {}
    wrong: set[str] = set()
    for text in set(cells):
        number = np.nan if text.lower() in MISSING_NUMBER else to_number(text, decimal)
        if number is None or np.isinf(number):
            wrong.add(text)
        else:
            meanings[text] = number
    if wrong:
        row, text = next((row, text) for row, text in enumerate(cells) if text in wrong)
        reason = "is not a number" if to_number(text, decimal) is None else "is too large for a number"
        raise CliError(
            f"{table.source}, line {table.lines[row]}, column {quoted(name)}: {quoted(text)} {reason}{remark}"
        )
    return Column(name, np.array([meanings[text] for text in cells], np.float64))


def guess(table: "Table", name: str, decimal: str = ".", as_text: str = "") -> Column:
    """A column as numbers if all its values are, as categories if at most half are.

    Parameters
    ----------
    table : Table
    name : str
        Of the column.
    decimal : "." or ","
    as_text : str
        The option that makes the tool take the column as text, for messages; by default --categorical.
    """
    plain = _plain_numbers(table.columns[name], decimal)
    if plain is not None:
        return Column(name, plain)
    counts = Counter(table.columns[name])
    present = sum(count for text, count in counts.items() if text.lower() not in MISSING_NUMBER)
    said = sum(count for text, count in counts.items() if to_number(text, decimal) is not None)
    if present == 0 and not any(to_category(text) for text in counts):
        raise CliError(
            f"{table.source}: column {quoted(name)} has no values at all; leave it out: --ignore {shlex.quote(name)}"
        )
    if present == said > 0:
        return numbers(table, name, decimal)
    as_text = as_text or f"--categorical {shlex.quote(name)}"
    if 2 * said > present:
        remark = (
            f", but {said} of the {present} values in this column are; correct it, empty the cell, or take all as "
            f"text: {as_text}"
        )
        return numbers(table, name, decimal, remark)
    _check_decimal(table, name, counts, present, decimal, as_text)
    return categories(table, name)


def _check_decimal(table: "Table", name: str, counts: Counter[str], present: int, decimal: str, as_text: str) -> None:
    """CliError if the values would be numbers with the other decimal mark."""
    other = "," if decimal == "." else "."
    texts = [text for text in counts if to_number(text, other) is not None]
    if 2 * sum(counts[text] for text in texts) > present:
        raise CliError(
            f"{table.source}: the values in column {quoted(name)}, such as {quoted(texts[0])}, look like numbers with "
            f'a decimal "{other}"; say --decimal "{other}", or take them as text: {as_text}'
        )
