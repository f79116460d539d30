"""The epochs of one training."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamella import _core
from lamella._arrays import Array
from lamella.trainer.divergence import CutOnDivergence, DivergenceError, ceiling
from lamella.trainer.early_stopping import EarlyStopping
from lamella.trainer.history import History
from lamella.trainer.mixup import Mixup
from lamella.trainer.order import Order
from lamella.trainer.scheduling import Scheduling
from lamella.trainer.snapshot import Snapshot
from lamella.trainer.step import NativeStep, StepByHand

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer

#: Called after each epoch (from 0) with its record; True ends the training.
OnEpoch = Callable[[int, dict[str, float]], bool | None]


@dataclass
class Training:
    """What :meth:`Trainer.fit` does once its arguments are checked."""

    trainer: "Trainer"
    step: NativeStep | StepByHand
    x: Array
    target: Array
    weight: Array | None
    validation: tuple[Array, Array, Array | None] | None
    batch_size: int
    drop_last: bool
    order: Order
    mixup: Mixup
    scheduling: Scheduling
    monitor: str
    stopping: EarlyStopping | None
    on_divergence: CutOnDivergence | None

    def __post_init__(self) -> None:
        cut = self.on_divergence
        self._good: list[Snapshot] = []  # of the last good epochs, two at most
        self._cuts_left, self._most = 0, math.inf
        if cut is not None:
            self._cuts_left = cut.times
            self._good = [Snapshot(self.trainer)]
            losses = [
                self.trainer._evaluate(self.x, self.target, self.weight)["loss"],
                *self.trainer.history.get("loss", [])[:1],
            ]
            self._most = ceiling(max(losses), cut.growth)

    def run(self, epochs: int, on_epoch: OnEpoch | None) -> History:
        """Train; the history of these epochs."""
        trainer, history, before = self.trainer, History(), self.trainer.history.epochs
        for epoch in range(epochs):
            record, steps = self._epoch(epoch)
            history.add(record)
            trainer.history.add(record)
            self.scheduling.advance(steps, record[self.monitor] if self.scheduling.watches else None)
            if self.stopping is not None and self.stopping.stops(record):
                history.stopped = "patience"
            if on_epoch is not None and on_epoch(epoch, record) and history.stopped is None:
                history.stopped = "on_epoch"
            if history.stopped is not None:
                break
            if self._good:
                self._good = [self._good[-1], Snapshot(trainer)]
        if self.stopping is not None:
            self.stopping.finish()
            history.best_epoch = self.stopping.best_epoch
        trainer.history.stopped = history.stopped
        trainer.history.best_epoch = None if history.best_epoch is None else before + history.best_epoch
        return history

    def _epoch(self, epoch: int) -> tuple[dict[str, float], int]:
        """One epoch, anew at lower rates if it diverges: its record, and its steps."""
        trainer, number = self.trainer, self.trainer.history.epochs
        self.step = trainer._prepare(self.step.width, self.target)  # on_epoch may have changed what layers and loss do
        order = self.order.rows(number)
        mixing = self.mixup.mixing(order, len(self.x), number)
        taken = len(self.x) if order is None else len(order)
        batch_size = min(self.batch_size, taken)
        steps = _core.epoch_steps(taken, batch_size, self.step.least_rows, self.drop_last)
        again = False
        while True:
            begin = time.perf_counter()
            trainer.model.clear_penalty_total()  # what was NaN or huge once is not to stay in the sums
            trainer.ready()
            trainer.added = 0
            try:
                with self.scheduling.epoch(steps) as timetable:
                    loss, score, done, finite = self.step.epoch(
                        self.x, self.target, self.weight, order, batch_size, self.drop_last, mixing, timetable
                    )
            finally:
                trainer.optimizer.eval()  # between epochs the weights are those to predict with
            if finite and not loss > self._most:
                break
            self._cut(loss, epoch, done, earlier=again or done == 1)
            again = True
        record = {
            "loss": loss,
            trainer.loss.score_name: score,
            "seconds": time.perf_counter() - begin,
            "lr": self.scheduling.rate,
        }
        added = trainer.model.penalty_total()
        if trainer.optimizer.penalized or added is not None:
            record["penalty"] = trainer.optimizer.penalty() + (added or 0.0) / max(steps, 1)
        if self.validation is not None:
            with contextlib.nullcontext() if trainer.average is None else trainer.average.applied():
                record.update({f"val_{key}": value for key, value in trainer._evaluate(*self.validation).items()})
        return record, steps

    def _cut(self, loss: float, epoch: int, steps: int, earlier: bool) -> None:
        """Back to the last good epoch with lower rates; DivergenceError if that is not wanted, or no longer."""
        cut, groups = self.on_divergence, self.trainer.optimizer.param_groups
        if cut is None or self._cuts_left == 0:
            after = f" after {cut.times} cuts of the rates" if cut is not None else ""
            raise DivergenceError(
                f"[Trainer.fit] the loss became {loss} at epoch {epoch}, batch {steps - 1}{after}: try a lower "
                f"learning rate (it is {groups[0]['lr']:g}), or standardise the data"
            )
        self._cuts_left -= 1
        rates = [group["lr"] / cut.factor for group in groups]
        if earlier:
            self._good = self._good[:1]
        self._good[-1].restore()
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
