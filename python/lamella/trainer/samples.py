"""Checked arrays: what a training takes its rows from, or is measured on."""

from dataclasses import dataclass

from lamella._arrays import Array


@dataclass(frozen=True)
class Samples:
    """Rows of features, targets and perhaps weights, as the kernels take them; all of them, or those in ``rows``."""

    x: Array
    target: Array
    weight: Array | None = None
    rows: Array | None = None

    def __len__(self) -> int:
        return len(self.x) if self.rows is None else len(self.rows)

    @property
    def targets(self) -> Array:
        """Of the rows that count."""
        own: Array = self.target if self.rows is None else self.target[self.rows]
        return own

    def taken(self) -> "Samples":
        """The same with arrays of their own rows alone."""
        if self.rows is None:
            return self
        weight = None if self.weight is None else self.weight[self.rows]
        return Samples(self.x[self.rows], self.targets, weight)
