"""Losses of single cells: how their targets are read."""

from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, contiguous, to_array
from lamella.nn.loss.argument import Argument, one_of
from lamella.nn.loss.base import Loss

#: What a target must be, in words.
_EXPECTED = {
    _core.Targets.shares: "in [0, 1]",
    _core.Targets.amounts: "finite and at least 0",
    _core.Targets.signs: "-1 or 1; for targets of 0 and 1 pass 2 * y - 1",
}


class CellLoss(Loss):
    """A loss of each cell by itself: targets have the shape of the outputs; shapes are not broadcast.

    Parameters
    ----------
    reduction : "mean", "batchmean", "sum" or "none", default "mean"
        "mean" averages over all cells, as PyTorch's do; "batchmean" adds the cells of a row and averages over rows.
    """

    reduction = Argument(one_of("none", "mean", "batchmean", "sum"))

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """(n, width) targets, or (n,) for one column."""
        array = to_array(y, "y", where)
        columns = self.target_width(width)
        if columns == 1 and array.shape == (n,):
            array = array[:, None]
        if array.shape != (n, columns):
            expected = f"{(n, columns)} is expected for outputs" if columns != width else "the outputs are"
            raise ValueError(
                f"[{where}] y has shape {array.shape} but {expected} {(n, width)}; shapes are not broadcast"
            )
        target = contiguous(array, dtype)
        return check_cells(self.kind_of(target), target, where)


def check_cells(kind: _core.Targets, target: Array, where: str) -> Array:
    """``target``, or ValueError if some cell is not of that kind."""
    bad = _core.find_unfit(kind, target)
    if bad >= 0:
        row, column = divmod(bad, target.shape[1])
        raise ValueError(f"[{where}] y has {target[row, column]} in row {row} but must be {_EXPECTED[kind]}")
    return target


def blocks(width: int, count: int, names: str, where: str) -> int:
    """Columns of each of ``count`` equal blocks of outputs; ValueError if they are not equal."""
    if width % count:
        raise ValueError(f"[{where}] the outputs have {width} columns but {names} need a multiple of {count}")
    return width // count


def logistic(outputs: Array) -> Array:
    """1 / (1 + e^-z), without overflow."""
    result: Array = 0.5 * (1 + np.tanh(0.5 * outputs))
    return result
