"""Keeps histograms, shares of dead units, and the like, while a training goes on."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.callbacks import Callback, Run
from lamella.diagnosis.inspection import examine, update_ratios
from lamella.diagnosis.pictures import course
from lamella.diagnosis.records import EpochRecord
from lamella.nn import _check
from lamella.trainer.samples import Samples, check_samples, samples_of


class Recorder(Callback):
    """Inspects the model before the first epoch and after each; the training has the same bits as without it.

    What is recorded is that of :func:`lamella.diagnosis.inspect`. How far a step moves each parameter is tried out: one
    step is made on a batch of the sample's rows, with the optimizer as it is, and undone.

    Parameters
    ----------
    x : array-like, (n, features), optional
        Rows to look at. By default some of the training rows, evenly spread; for trainings on sources that are not in
        memory they have to be given.
    y : array-like, optional
        Their targets, as the loss takes them; with ``x``.
    rows : int, default 256
        Rows to look at, at most.
    every : int, default 1
        Look after every so many epochs, and after the last. Doubled, and every second record dropped, whenever there
        are more than ``limit``: so memory is bounded however long the training is.
    limit : int, default 100
        Records to keep, at least 2.
    bins : int, default 40
        Of histograms.
    threshold : float, default 0.05
        A derivative below this share of the activation's largest counts as saturated.

    Attributes
    ----------
    records : list of EpochRecord
        In the order of the epochs, over all calls of ``fit`` since it was made; the first of each call has the epoch
        -1.
    """

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        *,
        rows: int = 256,
        every: int = 1,
        limit: int = 100,
        bins: int = 40,
        threshold: float = 0.05,
    ) -> None:
        where = "Recorder"
        if (x is None) != (y is None):
            raise TypeError(f"[{where}] x and y belong together: {'y' if y is None else 'x'} is missing")
        self._x, self._y = x, y
        self._rows = _check.integer(where, "rows", rows, 1)
        self.every = _check.integer(where, "every", every, 1)
        self._limit = _check.integer(where, "limit", limit, 2)
        self._bins = _check.integer(where, "bins", bins, 1)
        self._threshold = _check.number(where, "threshold", threshold, 0, 1)
        self.records: list[EpochRecord] = []
        self._sample: Samples | None = None
        self._batch: Samples | None = None

    def on_fit_begin(self, run: Run) -> None:
        """Choose the rows, and look at the model as it begins."""
        self._sample = self._chosen(run)
        rows = len(self._sample)
        if run.samples is not None and run.steps_per_epoch:
            rows = min(rows, math.ceil(len(run.samples) / run.steps_per_epoch))
        rows = max(rows, min(len(self._sample), run.model.least_rows_of_all(run.trainer.mode())))
        self._batch = _taken(self._sample, np.arange(rows))
        self._look(run, -1)

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Look at it now."""
        self._look(run, epoch)

    def _chosen(self, run: Run) -> Samples:
        where = "Recorder"
        if self._x is not None:
            samples = samples_of(run.model, run.loss, self._x, self._y, None, where)
            check_samples(samples, where, getattr(self._x, "columns", None))
        elif run.samples is not None:
            samples = run.samples
        else:
            raise ValueError(f"[{where}] the training rows are not in memory: give it some, Recorder(x, y)")
        places = np.unique(np.linspace(0, len(samples) - 1, min(self._rows, len(samples))).astype(np.int64))
        if samples.rows is not None:
            places = samples.rows[places]
        chosen = _taken(samples, places)
        run.model.check_rows(len(chosen), run.trainer.mode(), where)
        return chosen

    def _look(self, run: Run, epoch: int) -> None:
        assert self._sample is not None
        assert self._batch is not None
        found = examine(run.model, run.loss, self._sample, None, self._bins, self._threshold)
        moved = update_ratios(run.trainer, self._batch)
        self.records.append(
            replace(
                found,
                epoch=epoch,
                rates=tuple(float(group["lr"]) for group in run.optimizer.param_groups),
                parameters={n: replace(each, update_ratio=moved[n]) for n, each in found.parameters.items()},
            )
        )
        if len(self.records) > self._limit:
            self.records = [*self.records[:-1:2], self.records[-1]] if len(self.records) % 2 == 0 else self.records[::2]
            self.every *= 2

    @property
    def last(self) -> EpochRecord:
        """The newest record; its ``findings`` say what stands out."""
        if not self.records:
            raise RuntimeError("[Recorder] there are no records yet: give it to fit(callbacks=...)")
        return self.records[-1]

    def plot(self) -> Any:
        """By epoch: how far a step moves the weights, gradients, dead and saturated units. A matplotlib Figure.

        Raises
        ------
        ValueError
            If there are no records.
        ImportError
            If matplotlib is not installed.
        """
        return course(self.records, "Recorder.plot")

    def __repr__(self) -> str:
        return f"Recorder({len(self.records)} records, every {self.every} epochs)"

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.recorder(self)


def _taken(samples: Samples, rows: Array) -> Samples:
    """Those rows as arrays of their own."""
    return Samples(samples.x, samples.target, samples.weight, rows).taken()
