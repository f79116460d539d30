"""Checked rows to train on, or to be measured on."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from lamella._arrays import Array, dense
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.trainer.samples import Samples, samples_of


@dataclass(frozen=True)
class Rows:
    """Features (an array or a sparse matrix), targets as the loss takes them, and perhaps weights.

    All rows of these, or those of some ``numbers``, which are not copied before they are needed.
    """

    X: Any
    target: Array
    weight: Array | None = None
    numbers: Array | None = None

    def __len__(self) -> int:
        return len(self.target if self.numbers is None else self.numbers)

    def take(self, rows: Array) -> "Rows":
        """Those of these places."""
        return replace(self, numbers=rows if self.numbers is None else self.numbers[rows])

    def taken(self) -> "Rows":
        """The same with arrays of their own."""
        if self.numbers is None:
            return self
        return Rows(self.X[self.numbers], self.targets, self.weights)

    def without_equal_weights(self) -> tuple[float, "Rows"]:
        """The mean weight; and the same without weights, if they are all equal, as they then make no difference."""
        own = self.weights
        if own is None:
            return 1.0, self
        return float(own.mean()), replace(self, weight=None) if (own == own[0]).all() else self

    @property
    def targets(self) -> Array:
        """Of the rows that count."""
        own: Array = self.target if self.numbers is None else self.target[self.numbers]
        return own

    @property
    def weights(self) -> Array | None:
        """Of the rows that count."""
        return self.weight if self.weight is None or self.numbers is None else self.weight[self.numbers]

    @property
    def counts(self) -> bool:
        """Whether any row does."""
        own = self.weights
        return own is None or bool(own.any())

    def parts(self) -> tuple[Any, Array, Array | None]:
        """As ``validation_data`` is given."""
        own = self.taken()
        return own.X, own.target, own.weight

    def samples(self, model: Module, loss: Loss, where: str) -> Samples:
        """As a training takes them, which reads them by number."""
        whole = samples_of(model, loss, dense(self.X), self.target, self.weight, where)
        return replace(whole, rows=self.numbers)

    def spread(self) -> float:
        """The mean squared distance of targets from their means; 1 if they are all the same."""
        weight = self.weights
        target = self.targets.astype(np.float64)
        mean = np.average(target, axis=0, weights=weight)
        spread = float(np.average((target - mean) ** 2, axis=0, weights=weight).mean())
        return spread if spread > 0 else 1.0


def split(where: str, rows: Rows, fraction: float, random_state: Any, strata: Array | None) -> tuple[Rows, Rows]:
    """What to train on, and what to hold out."""
    count = np.arange(len(rows))
    if strata is not None and not _divisible(strata, math.ceil(fraction * len(rows))):
        strata = None
    kept, held = train_test_split(count, test_size=fraction, random_state=random_state, stratify=strata)
    if len(held) < 2:
        raise ValueError(
            f"[{where}] The validation set is too small ({len(held)} rows of {len(rows)}): increase validation_fraction"
        )
    return rows.take(kept), rows.take(held)


def _divisible(strata: Array, held: int) -> bool:
    """Whether both parts can have rows of each class."""
    counts = np.unique(strata, return_counts=True)[1]
    return bool(counts.min() >= 2 and len(counts) <= min(held, len(strata) - held))
