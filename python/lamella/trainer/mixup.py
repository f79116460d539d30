"""Mixup: convex combinations of pairs of rows and of their targets."""

from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.trainer.order import MIXUP, epoch_rng

#: For each row that an epoch takes: the row it is mixed with, and its own share.
Mixing = tuple[Array, Array]


class Mixup:
    """x = s x_i + (1 - s) x_j, and y likewise, with s from Beta(alpha, alpha), for each row anew (Zhang et al. 2018).

    A pure function of seed and epoch. The pairs are of the epoch's rows and a permutation of them.
    """

    def __init__(self, alpha: Any, seed: int, where: str) -> None:
        self._alpha = 0.0 if alpha is None else _check.number(where, "mixup", alpha, 0)
        self._seed, self._where = seed, where

    @property
    def active(self) -> bool:
        """Whether anything is mixed."""
        return self._alpha != 0

    def targets(self, loss: Loss, target: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
        """The targets in a form that can be mixed; as they are if nothing is."""
        if not self.active:
            return target
        mixable = loss.mixable(target, outputs, dtype)
        if mixable is None:
            raise ValueError(
                f"[{self._where}] mixup is {self._alpha:g} but {type(loss).__name__} takes class labels alone, which "
                "cannot be mixed: use CrossEntropyLoss, or a loss of numbers"
            )
        return mixable

    def check_columns(self, indices: list[tuple[int, int]]) -> None:
        """ValueError if some columns hold indices, between which there is nothing."""
        if self.active and indices:
            raise ValueError(
                f"[{self._where}] mixup is {self._alpha:g} but column {indices[0][0]} of x is an Embedding's index, "
                "which cannot be mixed"
            )

    def mixing(self, order: Array | None, n: int, epoch: int, *part: int) -> Mixing | None:
        """Partners and shares of the rows of that epoch, or of a part of it; None if nothing is mixed."""
        if not self.active:
            return None
        rng = epoch_rng(self._seed, epoch, MIXUP, *part)
        positions = rng.permutation(n if order is None else len(order)).astype(np.int64)
        return (positions if order is None else order[positions]), rng.beta(self._alpha, self._alpha, len(positions))


def mixed(rows: Array, partners: Array, shares: Array) -> Array:
    """The same of arrays, as the native gathering does it."""
    own = shares.astype(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
    result: Array = own * rows + (1 - own) * partners
    return result
