"""A user's function on each batch of an epoch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, check_finite, check_indices, contiguous, to_array
from lamella.data.callable import takes_targets
from lamella.trainer.order import AUGMENTING, epoch_rng
from lamella.trainer.samples import Samples, targets_of
from lamella.trainer.windows import Layout

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer

#: f(x, rng) -> x, or f(x, y, rng) -> x, y.
Augment = Callable[..., Any]


class Augmenting:
    """Makes each batch another one: a pure function of seed, epoch and the batch's number.

    Parameters
    ----------
    function : callable
    trainer : Trainer
    where : str
    """

    def __init__(self, function: Augment, trainer: "Trainer", where: str) -> None:
        self._function, self.takes_targets = function, takes_targets(function, where)
        self._model, self._loss, self._where = trainer.model, trainer.loss, f"{where} augment"

    def batch(self, x: Array, target: Array, layout: Layout, epoch: int, number: int) -> tuple[Array, Array]:
        """What the function makes of a batch; ``x`` and ``target`` are its own."""
        rng, where = epoch_rng(self._model.store().seed, epoch, AUGMENTING, number), self._where
        if not self.takes_targets:
            return self._features(self._function(x, rng), x.shape, layout), target
        given = self._function(x, target, rng)
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise TypeError(f"[{where}] it returned a {type(given).__name__} but must return x and y")
        y = given[1]
        if y is not target:
            target = targets_of(self._model, self._loss, y, len(x), layout.width, where)
        return self._features(given[0], x.shape, layout), target

    def _features(self, given: Any, shape: tuple[int, ...], layout: Layout) -> Array:
        x = to_array(given, "what it returned", self._where)
        if x.shape != shape:
            raise ValueError(f"[{self._where}] it made {x.shape} of a batch of {shape}, whose shape it must keep")
        x = contiguous(x, layout.dtype)
        check_finite(x, "what it returned", self._where, layout.columns)
        check_indices(x, list(layout.indices), "what it returned", self._where)
        return x

    def window(
        self, samples: Samples, order: Array | None, cut: "Cut", layout: Layout, epoch: int, first: int
    ) -> tuple[Samples, int]:
        """All batches of a window, in the order they are taken, and how many they are."""
        sizes = cut.sizes(len(samples) if order is None else len(order))
        parts, begin = [], 0
        for number, n in enumerate(sizes, first):
            rows = slice(begin, begin + n) if order is None else order[begin : begin + n]
            x, target = samples.x[rows], samples.target[rows]
            if order is None:
                x, target = x.copy(), target.copy()  # the function may write to them
            weight = None if samples.weight is None else samples.weight[rows]
            parts.append((*self.batch(x, target, layout, epoch, number), weight))
            begin += n
        xs, targets, weights = zip(*parts, strict=True)
        weight = None if samples.weight is None else np.concatenate(weights)
        return Samples(np.concatenate(xs), np.concatenate(targets), weight), len(sizes)


class Cut:
    """How the rows of an epoch are cut into batches, as the native epoch does it."""

    def __init__(self, batch_size: int, least_rows: int, drop_last: bool) -> None:
        self.batch_size, self.least_rows, self.drop_last = batch_size, least_rows, drop_last

    def steps(self, rows: int) -> int:
        """How many batches."""
        return _core.epoch_steps(rows, self.batch_size, self.least_rows, self.drop_last)

    def sizes(self, rows: int) -> list[int]:
        """Rows of each batch."""
        steps = self.steps(rows)
        taken = steps * self.batch_size if self.drop_last else rows
        return [self.batch_size] * (steps - 1) + [taken - self.batch_size * (steps - 1)] if steps else []
