"""Some epochs in a row: natively, or step by step where Python comes in between."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lamella import _core
from lamella._arrays import Array
from lamella.nn.loss.runner import Measured
from lamella.trainer.mixup import Mixing, mixed
from lamella.trainer.samples import Samples

if TYPE_CHECKING:
    from lamella.trainer.step import NativeStep, StepByHand


class Taken(NamedTuple):
    """The rows of epochs: which (None: all), in random order by (seed, first epoch) or as they are, and mixed with."""

    rows: Array | None
    shuffle: tuple[int, int] | None = None
    mixing: Mixing | None = None


class StretchByHand:
    """One epoch, step by step: of a model with layers in Python, or with something to call after each step.

    Parameters
    ----------
    step : NativeStep or StepByHand
    samples : Samples
        Rows, with ``target`` for targets.
    taken : Taken
    batch_size : int
    drop_last : bool
    on_step : callable, optional
        Called with the loss of each step; if it gives True, the stretch ends as if interrupted.
    """

    def __init__(
        self,
        step: "NativeStep | StepByHand",
        samples: Samples,
        target: Array,
        taken: Taken,
        batch_size: int,
        drop_last: bool,
        on_step: Callable[[float], bool] | None = None,
    ) -> None:
        self._step, self._samples, self._target, self._mixing = step, samples, target, taken.mixing
        self._batch_size, self._drop_last, self._on_step = batch_size, drop_last, on_step
        self._rows = np.arange(len(samples.x)) if taken.rows is None else taken.rows
        if taken.shuffle is not None:
            self._rows = self._rows[_core.permutation(len(self._rows), *taken.shuffle)]
        self._table: tuple[Array, Array] | None = None
        self._more, self._done = False, 0
        self._sums = np.zeros(4)  # of losses, scores, and of what each counts
        self.ending, self.stopped = _core.Ending.interrupted, False
        self.last = (math.nan, 0)
        self.records: dict[str, list[float]] = {"loss": [], "score": [], "seconds": [], "lr": []}

    def timetable(self, places: Array, values: Array, by_step: bool) -> None:
        """Scalars to set before each step."""
        self._table = places, values

    def be_part(self, before: "StretchByHand | None", more: bool) -> None:
        """Its rows are a part of one epoch, whose quantities so far it notes; ``more``: other rows follow."""
        self._more = more
        if before is not None:
            self._done, self._sums = before._done, before._sums

    def run(self) -> None:
        """The epoch."""
        step, begin, start, first = self._step, 0, time.perf_counter(), self._done
        total, score, weighed, scored = self._sums.tolist()
        memory = step.store.memory
        scalars = memory.view(_core.Arena.scalars, 0, 0, [memory.size(_core.Arena.scalars)])
        count, done, taken = self._batch_size, first, len(self._rows)
        while begin < taken and not (self._drop_last and taken - begin < count):
            n = min(count, taken - begin)
            if not self._drop_last and taken - begin - n < step.least_rows:
                n = taken - begin
            if self._table is not None:
                scalars[self._table[0]] = self._table[1][done - first]
            left = taken - begin - n
            closes = (left < count if self._drop_last else left == 0) and not self._more
            found = self._advance(slice(begin, begin + n), done, closes)
            begin, done = begin + n, done + 1
            total, weighed = total + found.value * found.weight, weighed + found.weight
            score, scored = score + found.score * found.scored, scored + found.scored
            self.last = (found.value, done)
            stopped = self._on_step is not None and self._on_step(found.value)
            if not math.isfinite(found.value):
                self.ending = _core.Ending.diverged
                return
            if stopped and not closes:
                return
        self._done, self._sums = done, np.array([total, score, weighed, scored])
        self.last = (total / (weighed or 1), done)
        self.ending = _core.Ending.complete
        seconds = time.perf_counter() - start
        record = self.last[0], score / (scored or 1), seconds, float(scalars[step.rate_place])
        self.records = {name: [value] for name, value in zip(self.records, record, strict=True)}  # all or none

    def _advance(self, batch: slice, done: int, closes: bool) -> Measured:
        rows, weight = self._rows[batch], self._samples.weight

        def gather(array: Array) -> Array:
            own: Array = array[rows]
            if self._mixing is None:
                return own
            return mixed(own, array[self._mixing[0][batch]], self._mixing[1][batch])

        weights = None if weight is None else gather(weight)
        x, target = gather(self._samples.x), gather(self._target)
        return self._step.measure(x, target, weights, done % self._step.accumulate, closes)


Stretch = _core.Stretch | StretchByHand
