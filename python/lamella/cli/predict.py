"""``lamella predict``."""

import csv
import io
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lamella._atomic import write_atomically
from lamella.cli import missing
from lamella.cli.columns import Column, categories, numbers
from lamella.cli.errors import CliError
from lamella.cli.features import CategoryFeature, Feature, encode, unseen_warnings
from lamella.cli.modelfile import read_meaning, read_model
from lamella.cli.table import Table, read_table
from lamella.cli.target import ClassTarget, Target
from lamella.cli.wording import counted, listed, quoted


def run(args: Namespace) -> None:
    """Read the model and the table; write a prediction for each row."""
    features, target, metadata = read_meaning(args.model)
    model = read_model(args.model)
    table = read_table(args.table, args.delimiter)
    decimal = args.decimal or metadata["decimal"]
    columns = _columns(table, features, decimal)
    policy = args.missing or ("mean" if metadata["missing"] == "mean" else "error")
    _check_missing(table, columns, policy)
    for warning in unseen_warnings(features, columns):
        print(f"warning: {warning}", file=sys.stderr)
    if args.output is not None:
        _check_output(args)

    outputs = model.predict(encode(features, columns))
    records = _with_header(target, target.records(outputs))
    if args.output is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows(records)
    else:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(records)
        try:
            write_atomically(Path(args.output), text.getvalue().encode())
        except OSError as error:
            raise CliError(f"--output {args.output}: cannot write there: {error.strerror or error}") from error
    if target.name in table.columns:
        _print_score(table, target, outputs, decimal)


def _with_header(target: Target, records: Iterator[list[str]]) -> Iterator[list[str]]:
    yield target.header()
    yield from records


def _columns(table: Table, features: list[Feature], decimal: str) -> list[Column]:
    absent = [feature.name for feature in features if feature.name not in table.columns]
    if absent:
        raise CliError(f"{table.source} lacks columns that the model needs: {listed(absent)}")
    return [
        categories(table, feature.name)
        if isinstance(feature, CategoryFeature)
        else numbers(table, feature.name, decimal)
        for feature in features
    ]


def _check_missing(table: Table, columns: list[Column], policy: str) -> None:
    report = missing.describe(columns, table.lines)
    if report and policy == "error":
        raise CliError(
            f"{table.source}: missing values in {report}; correct the table, or say --missing mean (fill in the mean "
            "of the training rows)"
        )
    if report:
        print(f"warning: missing values in {report}: filled in", file=sys.stderr)


def _check_output(args: Namespace) -> None:
    for name, path in (("the table", args.table), ("the model", args.model)):
        if os.path.exists(args.output) and os.path.samefile(args.output, path):
            raise CliError(f"--output {args.output} is {name} itself")


def _print_score(table: Table, target: Target, outputs: NDArray[np.float32], decimal: str) -> None:
    """The score on the rows that have a target; on stderr, for stdout is the predictions'."""
    try:
        truth = (
            categories(table, target.name) if isinstance(target, ClassTarget) else numbers(table, target.name, decimal)
        )
    except CliError as error:
        print(f"warning: no score: {error}", file=sys.stderr)
        return
    rows = np.flatnonzero(~truth.missing)
    if len(rows) == 0:
        return
    known = truth.take(rows)
    scores = target.scores(outputs[rows], known)
    print(f"{counted(len(rows), 'row')} with {quoted(target.name)}: {target.describe_scores(scores)}", file=sys.stderr)
    strangers = sorted(set(known.values) - set(target.classes)) if isinstance(target, ClassTarget) else []
    if strangers:
        print(f"warning: classes not seen in training, which count as wrong: {listed(strangers, 5)}", file=sys.stderr)
