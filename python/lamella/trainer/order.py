"""Which rows an epoch takes, in which order; and random numbers of an epoch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, contiguous, to_array

#: None: every row once. "balanced": classes equally often. Or ``sampling(epoch, rng)`` gives the rows.
Sampling = str | Callable[[int, np.random.Generator], Any] | None

#: Streams of random numbers, a number each.
SAMPLING, MIXUP, READING, AUGMENTING = 1, 2, 3, 4


def epoch_rng(seed: int, epoch: int, stream: int, *part: int) -> np.random.Generator:
    """Random numbers of one epoch, or a part of it: a pure function of seed, epoch and what they are for."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, stream, *part])))


class Order:
    """The rows of each epoch: a pure function of seed and epoch.

    Parameters
    ----------
    n : int
        Rows there are.
    target : ndarray
        As the loss takes it.
    sampling : None, "balanced" or callable
    shuffle : bool
        Whether rows come in random order where ``sampling`` does not say it.
    seed : int
    least_rows : int
        That an epoch must take.
    """

    def __init__(
        self, n: int, target: Array, sampling: Sampling, shuffle: bool, seed: int, least_rows: int, where: str
    ) -> None:
        self._n, self._sampling, self._shuffle = n, sampling, shuffle
        self._seed, self._least_rows, self._where = seed, least_rows, where
        self._classes: list[Array] = []
        if isinstance(sampling, str):
            if sampling != "balanced":
                raise ValueError(f'[{where}] sampling is {sampling!r} but must be None, "balanced" or a function')
            self._classes = rows_by_class(target, where)
        elif sampling is not None and not callable(sampling):
            raise TypeError(
                f'[{where}] sampling is {sampling!r:.80} but must be None, "balanced" or a function of (epoch, rng)'
            )

    @property
    def shuffles(self) -> bool:
        """Whether it is all rows in random order."""
        return self._shuffle and self._sampling is None

    @property
    def takes_all(self) -> bool:
        """Whether every epoch takes as many rows as there are."""
        return not callable(self._sampling)

    def rows(self, epoch: int) -> Array | None:
        """Row numbers of that epoch of the model's; None: all as they lie."""
        if self._sampling is None:
            return _core.permutation(self._n, self._seed, epoch) if self._shuffle else None
        rng = epoch_rng(self._seed, epoch, SAMPLING)
        if callable(self._sampling):
            return self._checked(self._sampling(epoch, rng), epoch)
        return balanced(self._classes, self._n, rng)

    def _checked(self, given: Any, epoch: int) -> Array:
        where = f"{self._where} sampling, epoch {epoch}"
        rows = to_array(given, "the rows", where)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise TypeError(
                f"[{where}] the rows have shape {rows.shape} and dtype {rows.dtype} but must be a list of integers"
            )
        if len(rows) < self._least_rows:
            raise ValueError(
                f"[{where}] there are {len(rows)} rows but a training batch needs at least {self._least_rows}"
            )
        if int(rows.min()) < 0 or int(rows.max()) >= self._n:
            raise ValueError(f"[{where}] rows reach from {rows.min()} to {rows.max()} but must be in [0, {self._n})")
        return contiguous(rows, np.dtype(np.int64))


def rows_by_class(target: Array, where: str) -> list[Array]:
    """The rows of each class that occurs."""
    labels = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    if labels.ndim != 1 or (labels.dtype.kind == "f" and not np.isin(labels, (0, 1)).all()):
        raise ValueError(
            f'[{where}] sampling is "balanced" but the targets are not classes (one label, or 0 or 1, a row)'
        )
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels) if label >= 0]
    if not classes:
        raise ValueError(f'[{where}] sampling is "balanced" but all labels are to be ignored')
    return classes


def balanced(classes: list[Array], n: int, rng: np.random.Generator) -> Array:
    """Rows, n in all, as many of each class (but for one more of some), each row of a class as often (likewise)."""
    counts = np.full(len(classes), n // len(classes))
    counts[rng.permutation(len(classes))[: n % len(classes)]] += 1
    drawn = []
    for rows, count in zip(classes, counts, strict=True):
        rounds = [rng.permutation(rows) for _ in range(-(-int(count) // len(rows)))]
        drawn.append(np.concatenate(rounds)[:count] if rounds else rows[:0])
    order: Array = rng.permutation(np.concatenate(drawn)).astype(np.int64)
    return order
