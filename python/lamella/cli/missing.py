"""Missing values: found, reported, and dealt with only as told."""

import numpy as np
from numpy.typing import NDArray

from lamella.cli.columns import Column
from lamella.cli.errors import CliError
from lamella.cli.wording import counted, quoted

#: What ``--missing`` takes when training.
POLICIES = ("error", "drop", "mean")


def describe(columns: list[Column], lines: list[int], most: int = 5) -> str:
    """Which columns lack values, how many, and where first; "" if none does."""
    found = []
    for column in columns:
        rows = np.flatnonzero(column.missing)
        if len(rows):
            first = ", ".join(str(lines[row]) for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
            where = "line" if len(rows) == 1 else "lines"
            found.append(f"{quoted(column.name)} ({counted(len(rows), 'row')}: {where} {first})")
    more = f" and {len(found) - most} more columns" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def usable_rows(
    features: list[Column], target: Column, lines: list[int], policy: str, source: str
) -> tuple[NDArray[np.bool_], str]:
    """Rows to train on, and a note of what was done about missing values.

    Parameters
    ----------
    features : list of Column
    target : Column
        A row without its target is never used.
    lines : list of int
        Of the file, for the report.
    policy : "error", "drop" or "mean"
        Refuse; leave out rows; or keep them, for the encoder to fill in.
    source : str
        The file.

    Raises
    ------
    CliError
        If values are missing and the policy is "error".
    """
    report = describe([target, *features], lines)
    keep = np.ones(len(lines), bool)
    if not report:
        return keep, ""
    if policy == "error":
        raise CliError(
            f"{source}: missing values in {report}; correct the table, or say --missing drop (leave those rows out) or "
            "--missing mean (fill them in)"
        )
    for column in [target] if policy == "mean" else [target, *features]:
        keep &= ~column.missing
    done = f"left out {counted(int((~keep).sum()), 'row')}" if not keep.all() else ""
    if policy == "mean" and any(column.take(np.flatnonzero(keep)).missing.any() for column in features):
        done += f"{', ' if done else ''}filled in the rest" if done else "filled in"
    return keep, f"missing values in {report}: {done}"
