"""Checked rows to train on, or to be measured on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from lamella._arrays import Array


@dataclass(frozen=True)
class Rows:
    """Features (an array or a sparse matrix), targets as the loss takes them, and perhaps weights."""

    X: Any
    target: Array
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Array) -> "Rows":
        """Those of these numbers."""
        return Rows(self.X[rows], self.target[rows], None if self.weight is None else self.weight[rows])

    def parts(self) -> tuple[Any, Array, Array | None]:
        """As ``validation_data`` is given."""
        return self.X, self.target, self.weight

    def spread(self) -> float:
        """The mean squared distance of targets from their means; 1 if they are all the same."""
        target = self.target.astype(np.float64)
        mean = np.average(target, axis=0, weights=self.weight)
        spread = float(np.average((target - mean) ** 2, axis=0, weights=self.weight).mean())
        return spread if spread > 0 else 1.0


def split(where: str, rows: Rows, fraction: float, random_state: Any, strata: Array | None) -> tuple[Rows, Rows]:
    """What to train on, and what to hold out."""
    count = np.arange(len(rows))
    kept, held = train_test_split(count, test_size=fraction, random_state=random_state, stratify=strata)
    if len(held) < 2:
        raise ValueError(
            f"[{where}] The validation set is too small ({len(held)} rows of {len(rows)}): increase validation_fraction"
        )
    return rows.take(kept), rows.take(held)
