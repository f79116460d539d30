"""Targets of regressors, standardised where that is asked for."""

from dataclasses import dataclass

import numpy as np

from lamella._arrays import Array


@dataclass(frozen=True)
class Numbers:
    """Columns of numbers, (y - shift) / scale for the network; back again for predictions."""

    shift: Array
    scale: Array

    @staticmethod
    def of(y: Array, weight: Array | None, standardize: bool) -> "Numbers":
        """Of these targets: of mean 0 and variance 1 for the network, or as they are."""
        table = y[:, None] if y.ndim == 1 else y
        columns = table.shape[1]
        if not standardize:
            return Numbers(np.zeros(columns), np.ones(columns))
        mean = np.average(table, axis=0, weights=weight)
        spread = np.sqrt(np.average((table - mean) ** 2, axis=0, weights=weight))
        return Numbers(mean, np.where(spread > 0, spread, 1.0))

    @property
    def columns(self) -> int:
        """How many."""
        return len(self.shift)

    @property
    def _plain(self) -> bool:
        return bool((self.shift == 0).all() and (self.scale == 1).all())

    def targets(self, y: Array) -> Array:
        """(n, columns) for the network."""
        table = np.asarray(y[:, None] if y.ndim == 1 else y)
        return table if self._plain else (table - self.shift) / self.scale

    def restore(self, outputs: Array) -> Array:
        """Predictions, in the units of y; where there are several for each column, these come one after the other."""
        if self._plain:
            return outputs
        times = outputs.shape[1] // self.columns
        restored: Array = outputs * np.tile(self.scale, times) + np.tile(self.shift, times)
        return restored.astype(outputs.dtype, copy=False)
