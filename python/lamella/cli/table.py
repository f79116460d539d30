"""Reads delimited text files into columns of text."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lamella.cli.columns import to_number
from lamella.cli.errors import CliError
from lamella.cli.wording import counted, listed, quoted

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED_RECORDS = 50
_BLOCK = 4096  # records
_SHARED_CELLS = 100_000


@dataclass(frozen=True)
class Table:
    """A table as its file has it: text, without blanks around the cells.

    Attributes
    ----------
    source : str
        The file, as the user named it.
    columns : dict of str to list of str
        Cells by column.
    lines : list of int
        The line of the file where each row begins.
    """

    source: str
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)


def read_table(path: str, delimiter: str | None = None) -> Table:
    """Read a file of delimited text with a header row.

    Parameters
    ----------
    path : str
        UTF-8, with or without a byte order mark; any line ends.
    delimiter : str, optional
        By default the one of comma, semicolon, tab and bar that splits the first records most evenly.

    Raises
    ------
    CliError
        If the file cannot be read as a table, with the line.
    """
    data = _read_bytes(path)
    records = _records(data, delimiter or _sniff(data), path)
    first = next(records, None)
    if first is None:
        raise CliError(f"{path} is empty; a header row and rows of data are expected")
    header_line, header = first[0], [name.strip() for name in first[1]]
    _check_header(header, header_line, path)

    columns: list[list[str]] = [[] for _ in header]
    lines: list[int] = []
    same: dict[str, str] = {}
    while block := list(islice(records, _BLOCK)):
        for line, fields in block:
            if len(fields) != len(header):
                raise CliError(
                    f"{path}, line {line}: {counted(len(fields), 'field')} but the header has {len(header)} "
                    f"(line {header_line})"
                )
            lines.append(line)
        for column, cells in zip(columns, zip(*(fields for _, fields in block), strict=True), strict=True):
            column.extend(_shared([cell.strip() for cell in cells], same))
    if not lines:
        raise CliError(f"{path} has no rows below its header")
    return Table(path, dict(zip(header, columns, strict=True)), lines)


def _shared(cells: list[str], same: dict[str, str]) -> list[str]:
    """The same texts, each stored once while there are not too many different ones: most tables repeat few values."""
    if len(same) > _SHARED_CELLS:
        return cells
    return [same.setdefault(cell, cell) for cell in cells]


def _read_bytes(path: str) -> bytes:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror or error}") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise CliError(f"{path} is UTF-16 text; save it as UTF-8")
    if data[:4] == b"PK\x03\x04":
        raise CliError(f"{path} is a spreadsheet or an archive; export the table as CSV")
    if b"\0" in data:
        raise CliError(f"{path} is not a text file (it has a zero byte)")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CliError(f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; save it as UTF-8") from error
    return data


def _records(data: bytes, delimiter: str, path: str) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, fields) of each record; blank lines are left out."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise CliError(f"{path}, in the record that begins at line {line}: {error}") from error
        if len(record) > 1 or any(map(str.strip, record)):
            yield line, record


def _sniff(data: bytes) -> str:
    """The delimiter that gives each of the first records the same number of fields, and the most of them."""

    def merit(delimiter: str) -> tuple[bool, int]:
        widths = []
        try:
            for _, fields in islice(_records(data, delimiter, ""), _SNIFFED_RECORDS):
                widths.append(len(fields))
        except CliError:
            widths.append(0)  # reported when the table is read, if this delimiter is still the best
        return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0

    return max(_DELIMITERS, key=merit)  # the first of equals


def _check_header(header: list[str], line: int, path: str) -> None:
    for place, name in enumerate(header, 1):
        if not name:
            hint = " (an index written by pandas? to_csv(index=False) leaves it out)" if place == 1 else ""
            raise CliError(f"{path}, line {line}: column {place} of {len(header)} has no name{hint}")
    repeated = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if repeated:
        raise CliError(
            f"{path}, line {line}: column names must differ, but these come more than once: {listed(repeated)}"
        )
    if all(to_number(name) is not None for name in header):
        raise CliError(
            f"{path}, line {line}: a header row with the columns' names is required, but the first row has only "
            f"numbers ({quoted(header[0])}, ...)"
        )
