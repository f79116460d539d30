"""A data set, divided and encoded: what training takes."""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamella.cli.columns import Column
from lamella.cli.dataset import Dataset
from lamella.cli.errors import CliError
from lamella.cli.features import Feature, encode, fit_features, unseen_warnings
from lamella.cli.target import ClassTarget, NumberTarget, Target
from lamella.data.splitting import split_rows


@dataclass(frozen=True)
class Part:
    """Some rows: features and targets for the trainer, and the targets as the table has them."""

    x: NDArray[np.float32]
    y: NDArray[np.generic]
    truth: Column

    def __len__(self) -> int:
        return int(self.x.shape[0])


@dataclass(frozen=True)
class Prepared:
    """The parts, and how columns became features and targets: all by the training rows."""

    features: list[Feature]
    target: Target
    training: Part
    validation: Part | None
    test: Part | None

    @property
    def inputs(self) -> int:
        """Inputs of the network."""
        return int(self.training.x.shape[1])


def prepare(data: Dataset, validation: float, test: float, seed: int) -> Prepared:
    """Divide (stratified if the target is classes) and encode.

    Raises
    ------
    CliError
        If a part would have no rows, or a column cannot be encoded.
    """
    classes = None if data.target.numeric else ClassTarget.fit(data.target)
    labels = None if classes is None else np.asarray(classes.encode(data.target), np.int64)
    rows = split_rows(len(data), validation, test, seed, labels)
    wanted = (("training", rows.training, 1.0), ("validation", rows.validation, validation), ("test", rows.test, test))
    for name, own, share in wanted:
        if share > 0 and len(own) == 0:
            raise CliError(f"{data.name}: {len(data)} rows are too few: none is left for the {name} part")

    features = fit_features([column.take(rows.training) for column in data.features])
    target: Target = classes if classes is not None else NumberTarget.fit(data.target.take(rows.training))
    held_out = np.concatenate([rows.validation, rows.test])
    for warning in unseen_warnings(features, [column.take(held_out) for column in data.features]):
        print(f"warning: validation and test rows: {warning}", file=sys.stderr)

    def part(own: NDArray[np.int64]) -> Part:
        truth = data.target.take(own)
        return Part(encode(features, [column.take(own) for column in data.features]), target.encode(truth), truth)

    return Prepared(
        features,
        target,
        part(rows.training),
        part(rows.validation) if len(rows.validation) else None,
        part(rows.test) if len(rows.test) else None,
    )
