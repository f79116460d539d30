"""The epochs of one training."""

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lamella import _core
from lamella._arrays import Array
from lamella.callbacks.hooks import Hooks
from lamella.callbacks.run import Run
from lamella.trainer.divergence import DivergenceError, ceiling
from lamella.trainer.early_stopping import Stopping, check_monitor, larger_is_better
from lamella.trainer.history import History, add_epochs
from lamella.trainer.mixup import Mixup
from lamella.trainer.options import Options
from lamella.trainer.order import Order
from lamella.trainer.parts import EpochInParts
from lamella.trainer.samples import Data, Samples, in_memory
from lamella.trainer.scheduling import Scheduling
from lamella.trainer.snapshot import Snapshot
from lamella.trainer.step import NativeStep
from lamella.trainer.stretch import Stretch, StretchByHand, Taken

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer

#: Rows of a stretch's table of rates, at most: one for each step or each epoch.
_TABLE_ROWS = 4096


class Training:
    """What :meth:`Trainer.fit` does with checked arrays: stretches of epochs, as long as nothing in Python has a say.

    Raises what :meth:`Trainer.fit` does; nothing is trained then.
    """

    def __init__(self, trainer: "Trainer", samples: Data, held_out: Data | None, options: Options) -> None:
        self.trainer, self.samples, self.held_out, self.options = trainer, samples, held_out, options
        where, model = options.where, trainer.model
        n, width = samples.count, samples.width
        self._batch_size = options.batch_size if n is None else min(options.batch_size, n)
        model.check_rows(self._batch_size, trainer.mode(), where)
        seed = model.store().seed
        self._mixup = Mixup(options.mixup, seed, where)
        self._target = self._mixup.targets(
            trainer.loss, samples.target, model.output_width(width) or width, model.store().dtype
        )
        self._step = trainer.prepare(width, self._target)
        samples.check_indices(self._step.indices, where)
        self._mixup.check_columns(self._step.indices)
        if held_out is not None:
            held_out.check_indices(self._step.indices, f"{where} validation_data")
        if options.monitor != Options.monitor:
            self.check_monitor()
        self._stopping = None
        if options.stopping is not None:
            check_monitor(options.stopping.monitor, self.quantities().values(), where)
            self._stopping = Stopping(trainer, options.stopping, trainer.stopping_state(), where)
        self._order = Order(
            n or 0, samples.targets, options.sampling, options.shuffle, seed, self._step.least_rows, where
        )
        self._scheduling = Scheduling(options.schedule, options.unit, trainer.optimizer, where)
        if self._scheduling.watches:
            self.check_monitor()
            self._scheduling.check_mode(options.monitor, larger_is_better(options.monitor))
        steps = None
        if self._order.takes_all and n is not None:
            steps = _core.epoch_steps(n, self._batch_size, self._step.least_rows, options.drop_last)
        trainer.resume(self._scheduling, steps, options.epochs)
        trainer.fitted = options.plain()
        self.history = History()
        if self._stopping is not None and self._stopping.over:  # the training that it goes on from was
            self.history.stopped = "patience"
        recorded = tuple(self.quantities().values())
        run = Run(trainer, in_memory(samples), in_memory(held_out), options.epochs, steps, recorded, self.history)
        self._hooks = Hooks(options.callbacks, run)
        #: It pauses after so many epochs; begin() goes on from there once this is more.
        self.limit = options.epochs
        self._before = trainer.history.epochs
        self._prepare_cuts()

    def check_monitor(self) -> None:
        """ValueError if an epoch's record will not have what is monitored."""
        check_monitor(self.options.monitor, self.quantities().values(), self.options.where)

    def quantities(self) -> dict[str, str]:
        """What is noted of an epoch, by its name in native records: its key in the history."""
        trainer, score = self.trainer, self.trainer.loss.score_name
        names = {"loss": "loss", "score": score, "seconds": "seconds", "lr": "lr"}
        if trainer.optimizer.penalized or trainer.model.penalty_total() is not None:
            names["penalty"] = "penalty"
        if self.held_out is not None:
            names.update(val_loss="val_loss", val_score=f"val_{score}")
        if "objective" in self.options.monitored:
            names["objective"] = "objective"
        return names

    def _prepare_cuts(self) -> None:
        cut = self.options.on_divergence
        self._good: list[Snapshot] = []  # of the last good epochs, two at most
        self._cuts_left, self._most, self._again = 0, math.inf, False
        if cut is not None:
            self._cuts_left = cut.times
            self._good = [Snapshot(self.trainer)]
            losses = [self.samples.measure(self.trainer)["loss"], *self.trainer.history.get("loss", [])[:1]]
            self._most = ceiling(max(losses), cut.growth)

    def run(self) -> History:
        """Train; the history of these epochs."""
        with self.going_on():
            while (stretch := self.begin()) is not None:
                self.run_stretch(stretch)
            return self.finish()

    # The parts of run(), for many trainings side by side.

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """A context for the training, of whose begin and end callbacks are told."""
        with self.trainer.counting(self._stopping), self._hooks.fit():
            yield

    def run_stretch(self, stretch: Stretch | EpochInParts) -> None:
        """Run what :meth:`begin` gave."""
        try:
            stretch.run()
        except BaseException:
            self.end(stretch, interrupted=True)
            raise
        self.end(stretch)

    def begin(self) -> Stretch | EpochInParts | None:
        """The next epochs to run; None if there are none up to the limit."""
        left = min(self.limit, self.options.epochs) - self.history.epochs
        if left <= 0 or self.over:
            return None
        trainer, number = self.trainer, self.trainer.history.epochs
        self._step = trainer.prepare(self._step.width, self._target)  # callbacks may have changed layers and loss
        samples = self._arrays()
        taken = self._taken(number)
        n = len(samples) if taken.rows is None else len(taken.rows)
        batch_size = min(self._batch_size, n)
        steps = _core.epoch_steps(n, batch_size, self._step.least_rows, self.options.drop_last)
        epochs = 1
        if self._alone():
            epochs = self._hooks.epochs(self.history.epochs, left)
            if self._scheduling.schedule is not None:
                epochs = min(epochs, max(1, _TABLE_ROWS // (steps if self._scheduling.by_step else 1)))
        trainer.model.clear_penalty_total()  # what was NaN or huge once is not to stay in the sums
        trainer.ready()
        trainer.added = 0
        timetable = self._scheduling.begin(steps, epochs)
        stretch = self._stretch(samples, self._target, taken, epochs, batch_size)
        if timetable is not None:
            stretch.timetable(*timetable)
        self._steps = steps
        self._measured = self._measure_natively(stretch)
        return stretch

    def _stretch(self, samples: Samples, target: Array, taken: Taken, epochs: int, batch_size: int) -> Stretch:
        """Epochs over the rows of ``samples``, with ``target`` for targets."""
        step, drop_last = self._step, self.options.drop_last
        if isinstance(step, NativeStep) and not self._hooks.by_step:
            return step.stretch(samples, target, taken, epochs, batch_size, drop_last)
        on_step = self._hooks.step_end if self._hooks.by_step else None
        return StretchByHand(step, samples, target, taken, batch_size, drop_last, on_step)

    def _arrays(self) -> Samples:
        assert isinstance(self.samples, Samples)
        return self.samples

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do, whatever the limit."""
        return self.history.epochs >= self.options.epochs or self.history.stopped is not None

    def _taken(self, number: int) -> Taken:
        """Which rows the epoch of that number takes, in which order."""
        seed, rows = self.trainer.model.store().seed, self._arrays().rows
        if self._order.shuffles and not self._mixup.active:
            return Taken(rows, (seed, number))
        order = self._order.rows(number)
        if rows is not None:
            order = rows if order is None else rows[order]
        return Taken(order, None, self._mixup.mixing(order, len(self._arrays()), number))

    def _alone(self) -> bool:
        """Whether nothing in Python has a say between epochs."""
        return (
            self.options.on_divergence is None
            and self.options.sampling is None
            and not self._mixup.active
            and not self._scheduling.watches
            and self._measures_natively()
        )

    def _measures_natively(self) -> bool:
        """Whether epochs may be measured where they run, by the weights as they are then."""
        if self.trainer.optimizer.two_points or not self._step.native:
            return False
        if self.held_out is None:
            return True
        return isinstance(self.held_out, Samples) and self.trainer.forward_runner(self._step.width) is not None

    def _measure_natively(self, stretch: Stretch) -> bool:
        """Whether the stretch was told to note all there is to note, and to stop early."""
        if isinstance(stretch, StretchByHand) or not self._measures_natively():
            return False
        trainer, memory = self.trainer, self.trainer.model.store().memory
        names = self.quantities()
        if "penalty" in names:
            penalized = trainer.optimizer.penalized
            penalty = trainer.optimizer.penalty_sum(memory) if penalized else None
            stretch.penalize(
                None if penalty is None else penalty.runner,
                0 if penalty is None else penalty.place,
                trainer.model.penalty_scalars(),
            )
        if isinstance(self.held_out, Samples):
            trainer.validate(stretch, self.held_out)
        if self._stopping is not None and self.options.on_divergence is None:
            monitored = next(name for name, key in names.items() if key == self._stopping.monitor)
            stretch.stop_early(self._stopping.native, monitored)
        return True

    def end(self, stretch: Stretch | EpochInParts, interrupted: bool = False) -> None:
        """Take note of what a stretch did; DivergenceError if its loss is not finite, and nothing else is wanted."""
        before = self.history.epochs
        try:
            record = self._note(stretch, before)
        except BaseException:  # such as Ctrl-C in between: the epochs of a stretch are noted all, as the model has them
            if self._measured and self._alone():
                self._note(stretch, before)
            else:  # or not, as far as it came
                self._scheduling.advance(self._steps, self.history.epochs - before, None)
            raise
        if record:
            if not interrupted:
                self._hooks.epoch_end(self.history.epochs - 1, record)  # none is due before the last epoch
            if self._good:
                self._good = [self._good[-1], Snapshot(self.trainer)]
        if stretch.ending == _core.Ending.diverged:
            self._cut(*stretch.last)

    def _note(self, stretch: Stretch | EpochInParts, before: int) -> dict[str, float] | None:
        """Its epochs, after so many; the last one's record. Where all was noted natively, again does no harm."""
        trainer, options, history = self.trainer, self.options, self.history
        self._scheduling.end()
        trainer.optimizer.eval()  # between epochs the weights are those to predict with
        records = stretch.records
        noted = {key: records[name] for name, key in self.quantities().items() if name in records}
        count = len(noted["loss"])
        if count == 0:
            return None
        last = {key: values[-1] for key, values in noted.items()}
        if last["loss"] > self._most:
            self._cut(last["loss"], self._steps)
            return None
        if not self._measured:  # then it is one epoch
            self._measure(last)
            noted = {key: [value] for key, value in last.items()}
        if history.epochs == before:
            add_epochs((history, trainer.history), noted)
        self._again = False
        self._scheduling.advance(self._steps, count, last[options.monitor] if self._scheduling.watches else None)
        own = not self._measured or options.on_divergence is not None  # the stretch did not look at it
        stopping = self._stopping if own else None
        if stretch.stopped or (stopping is not None and stopping.stops(last[stopping.monitor])):
            history.stopped = "patience"
        return last

    def _measure(self, record: dict[str, float]) -> None:
        """What is to be noted beside the training data's loss, by the weights as they are now."""
        trainer = self.trainer
        if "penalty" in self.quantities():
            added = trainer.model.penalty_total()
            record["penalty"] = trainer.optimizer.penalty() + (added or 0.0) / max(self._steps, 1)
        if "objective" in self.quantities():
            record["objective"] = record["loss"] + record.get("penalty", 0.0)
        if self.held_out is not None:
            with contextlib.nullcontext() if trainer.average is None else trainer.average.applied():
                found = self.held_out.measure(trainer)
            record.update({f"val_{key}": value for key, value in found.items()})

    def finish(self) -> History:
        """The history; with patience, the model is that of the best epoch."""
        history, trainer = self.history, self.trainer
        best = None if self._stopping is None else self._stopping.finish()
        history.best_epoch = None if best is None or best < 0 else best
        trainer.history.stopped = history.stopped
        trainer.history.best_epoch = None if best is None else self._before + best
        return history

    def _cut(self, loss: float, steps: int) -> None:
        """Back to the last good epoch with lower rates; DivergenceError if that is not wanted, or no longer."""
        cut, groups = self.options.on_divergence, self.trainer.optimizer.param_groups
        if cut is None or self._cuts_left == 0:
            after = f" after {cut.times} cuts of the rates" if cut is not None else ""
            raise DivergenceError(
                f"[{self.options.where}] the loss became {loss} at epoch {self.history.epochs}, batch {steps - 1}"
                f"{after}: try a lower learning rate (it is {groups[0]['lr']:g}; lm.lr_range_test suggests one), or "
                "standardise the data"
            )
        self._cuts_left -= 1
        rates = [group["lr"] / cut.factor for group in groups]
        if self._again or steps == 1:
            self._good = self._good[:1]
        self._good[-1].restore()
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        self._again = True
