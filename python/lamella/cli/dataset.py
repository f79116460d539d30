"""A table as features and a target."""

import difflib
from argparse import Namespace
from dataclasses import dataclass

import numpy as np

from lamella.cli import missing
from lamella.cli.columns import Column, categories, guess, numbers, to_number
from lamella.cli.errors import CliError
from lamella.cli.table import Table, read_table
from lamella.cli.wording import listed, quoted

#: Most categories that a column may have without being named by --categorical.
MAX_CATEGORIES = 256
#: Most values that a column of whole numbers may have to be taken as classes.
MAX_WHOLE_CLASSES = 20
MIN_ROWS = 10


@dataclass(frozen=True)
class Dataset:
    """What is learned from: columns of equal length, the target without missing values.

    Attributes
    ----------
    name : str
        Of the data set, or of the table's file.
    features : list of Column
    target : Column
        Texts for classification, numbers for regression.
    remarks : tuple of str
        What was assumed or left out.
    """

    name: str
    features: list[Column]
    target: Column
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.target.values)


def load_table(path: str, args: Namespace) -> Dataset:
    """Read a table and tell its columns apart, as the options of ``lamella train`` say.

    Raises
    ------
    CliError
        If the table cannot be used as it is.
    """
    table = read_table(path, args.delimiter)
    _check_names(table, args)
    target, remark = _read_target(table, args)
    names = [name for name in table.columns if name != args.target and name not in args.ignore]
    if not names:
        raise CliError(f"{path}: there is no column to learn from beside the target {quoted(args.target)}")
    features = [_read_feature(table, name, args) for name in names]
    keep, note = missing.usable_rows(features, target, table.lines, args.missing, path)
    rows = np.flatnonzero(keep)
    if len(rows) < MIN_ROWS:
        raise CliError(f"{path}: {len(rows)} usable rows are too few; at least {MIN_ROWS} are needed")
    target = target.take(rows)
    _check_target(target, path)
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    return Dataset(name, [column.take(rows) for column in features], target, tuple(filter(None, (remark, note))))


def _check_names(table: Table, args: Namespace) -> None:
    names = list(table.columns)
    if args.target is None:
        raise CliError(f"say which column to predict: --target COLUMN; {table.source} has {listed(names)}")
    asked = [("--target", args.target)]
    asked += [(option, name) for option in ("--ignore", "--categorical") for name in getattr(args, option[2:])]
    for option, name in asked:
        if name not in table.columns:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {quoted(near[0])}?" if near else f"it has {listed(names)}"
            raise CliError(f"{option} names a column {quoted(name)} that {table.source} does not have; {hint}")
    for option, name in asked[1:]:
        if name == args.target:
            raise CliError(f"{option} names the target {quoted(name)}")
    both = [name for name in args.categorical if name in args.ignore]
    if both:
        raise CliError(f"--ignore and --categorical both name {listed(both)}")


def _read_feature(table: Table, name: str, args: Namespace) -> Column:
    if name in args.categorical:
        column = categories(table, name)
        if column.missing.all():
            raise CliError(f"{table.source}: column {quoted(name)} has no values at all; leave it out with --ignore")
        return column
    column = guess(table, name, args.decimal)
    if not column.numeric and len(set(column.values)) > MAX_CATEGORIES:
        raise CliError(
            f"{table.source}: column {quoted(name)} is text with {len(set(column.values))} different values, more than "
            f"{MAX_CATEGORIES}; leave it out (--ignore), or take each value as a category (--categorical)"
        )
    return column


def _read_target(table: Table, args: Namespace) -> tuple[Column, str]:
    """The target, and what was assumed about it."""
    name = args.target
    if categories(table, name).missing.all():
        raise CliError(f"{table.source}: the target {quoted(name)} has no values")
    if args.task == "classification":
        return categories(table, name), ""
    if args.task == "regression":
        return numbers(table, name, args.decimal, remark=", as regression needs"), ""
    column = guess(table, name, args.decimal, as_text="--task classification")
    if not column.numeric:
        return column, ""
    present = column.values[~column.missing]
    different = len(np.unique(present))
    whole = bool((present == np.floor(present)).all())
    if whole and different <= MAX_WHOLE_CLASSES and different * 4 <= len(present):
        remark = f"the target has {different} different whole numbers: taken as classes (else: --task regression)"
        return categories(table, name), remark
    return column, ""


def _check_target(target: Column, source: str) -> None:
    different = set(target.values.tolist())
    if len(different) == 1:
        value = next(iter(different))
        raise CliError(
            f"{source}: the target {quoted(target.name)} has only one "
            f"{'value' if target.numeric else 'class'}, {quoted(str(value))}; there is nothing to learn"
        )
    if not target.numeric and 2 * len(different) > len(target.values):
        hint = "--task regression" if all(to_number(text) is not None for text in different) else "another --target"
        raise CliError(
            f"{source}: the target {quoted(target.name)} has {len(different)} classes in {len(target.values)} rows, "
            f"too many to learn; say {hint}"
        )
