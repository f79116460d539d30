"""Mixup: convex combinations of pairs of rows and of their targets."""

from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.trainer.order import MIXUP, epoch_rng

#: For each row that an epoch takes: the row it is mixed with, and its own share.
Mixing = tuple[Array, Array]


class Mixup:
    """x = s x_i + (1 - s) x_j, and y likewise, with s from Beta(alpha, alpha), for each row anew (Zhang et al. 2018).

    A pure function of seed and epoch. The pairs are of the epoch's rows and a permutation of them.
    """

    def __init__(self, alpha: Any, target: Array, seed: int, where: str) -> None:
        self._alpha = 0.0 if alpha is None else _check.number(where, "mixup", alpha, 0)
        self._seed = seed
        if self._alpha > 0 and target.dtype.kind != "f":
            raise ValueError(
                f"[{where}] mixup is {alpha!r} but the targets are class labels, which cannot be mixed: use a loss of "
                "numbers (BCEWithLogitsLoss on one-hot targets, say)"
            )

    def mixing(self, order: Array | None, n: int, epoch: int) -> Mixing | None:
        """Partners and shares of that epoch's rows, or None if nothing is mixed."""
        if self._alpha == 0:
            return None
        rng = epoch_rng(self._seed, epoch, MIXUP)
        positions = rng.permutation(n if order is None else len(order)).astype(np.int64)
        return (positions if order is None else order[positions]), rng.beta(self._alpha, self._alpha, len(positions))


def mixed(rows: Array, partners: Array, shares: Array) -> Array:
    """The same of arrays, as the native gathering does it."""
    own = shares.astype(rows.dtype)[:, None]
    result: Array = own * rows + (1 - own) * partners
    return result
