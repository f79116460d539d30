"""A training whose rows are read while it goes on: from sources, or through a function that augments them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from lamella import _core
from lamella._arrays import Array
from lamella.trainer.augmenting import Augmenting, Cut
from lamella.trainer.options import Options
from lamella.trainer.order import READING, epoch_rng
from lamella.trainer.parts import EpochInParts, Part
from lamella.trainer.samples import Data
from lamella.trainer.stream import Stream
from lamella.trainer.stretch import Stretch, Taken
from lamella.trainer.training import Training
from lamella.trainer.windows import Rows, windows

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer


class StreamTraining(Training):
    """What :meth:`Trainer.fit` does with rows that are read from a source, or augmented."""

    samples: Stream

    def __init__(self, trainer: "Trainer", stream: Stream, held_out: Data | None, options: Options) -> None:
        where = options.where
        if options.sampling is not None and not stream.ordered:
            raise ValueError(
                f"[{where}] sampling is {options.sampling!r:.40} but a source's rows come as they are read; use class "
                "weights or sample weights"
            )
        if not stream.repeats and (options.epochs > 1 or options.on_divergence is not None):
            raise ValueError(
                f"[{where}] x is an iterator, which gives its rows once: for more than one epoch, or on_divergence, "
                "pass a function that returns one, or say how many rows an epoch has: lm.data.batches(it, rows=...)"
            )
        self._stream = stream
        self._augment = None if options.augment is None else Augmenting(options.augment, trainer, where)
        if self._augment is not None and self._augment.takes_targets:
            stream.show(self._augmented_targets(self._augment, stream))
        super().__init__(trainer, stream, held_out, options)

    def _augmented_targets(self, augment: Augmenting, stream: Stream) -> Array:
        """Some targets, of the kind that the function makes of them."""
        first, layout = stream.first, stream.layout
        few = Rows(first.x[:8], first.target[:8], None, first.where)
        samples, _ = next(windows([few], len(few.target), 1, layout))
        return augment.batch(samples.x, samples.target, layout, 0, 0)[1]

    def begin(self) -> EpochInParts | None:
        """The next epoch; None if there is none up to the limit."""
        if min(self.limit, self.options.epochs) <= self.history.epochs or self.over:
            return None
        trainer, number = self.trainer, self.trainer.history.epochs
        self._step = trainer.prepare(self._step.width, self._target)
        trainer.model.clear_penalty_total()
        trainer.ready()
        trainer.added = 0
        self._scheduling.begin(0, 1)
        self._measured = False
        return EpochInParts(partial(self._parts, number), self._part_stretch)

    def end(self, stretch: Stretch | EpochInParts, interrupted: bool = False) -> None:
        """As for arrays."""
        self._steps = stretch.last[1]
        super().end(stretch, interrupted)

    def _cut_of(self, batch_size: int) -> Cut:
        return Cut(batch_size, self._step.least_rows, self.options.drop_last)

    def _parts(self, number: int, closed: Callable[[], bool]) -> Iterator[Part]:
        """Those of the epoch of that number; made on another thread."""
        stream, options, cut = self._stream, self.options, self._cut_of(self._batch_size)
        seed = self.trainer.model.store().seed
        ahead = cut.batch_size if cut.drop_last else cut.least_rows
        rng, order, window_seed = None, None, None
        if stream.ordered:
            order = self._order.rows(number)
        elif options.shuffle:
            rng = epoch_rng(seed, number, READING)
            window_seed = int(rng.integers(2**63))
        rows = stream.window_rows(cut.batch_size, shuffled=window_seed is not None)
        parts = stream.parts(rng if order is None else order, closed)
        step, index = 0, -1
        for index, (samples, more) in enumerate(windows(parts, rows, ahead, stream.layout)):
            n = len(samples)
            if index == 0 and not more:
                cut = self._cut_of(min(cut.batch_size, n))
                self.trainer.model.check_rows(cut.batch_size, self.trainer.mode(), options.where)
            places = None if window_seed is None else _core.permutation(n, window_seed, index)
            if self._augment is not None:
                samples, steps = self._augment.window(samples, places, cut, stream.layout, number, step)
                step, places, n = step + steps, None, len(samples)
            yield Part(samples, Taken(places, None, self._mixup.mixing(places, n, number, index)), more)
        if index < 0 and not closed():
            raise ValueError(f"[{options.where}] x ({stream.source!r}) gave no rows in epoch {self.history.epochs}")

    def _part_stretch(self, part: Part, before: Stretch | None, done: int) -> Stretch:
        samples, trainer = part.samples, self.trainer
        width = self._step.width
        outputs = trainer.model.output_width(width) or width
        target = self._mixup.targets(trainer.loss, samples.target, outputs, samples.x.dtype)
        batch_size = self._batch_size
        if before is None and not part.more:
            batch_size = min(batch_size, len(samples))
        stretch = self._stretch(samples, target, part.taken, 1, batch_size)
        stretch.be_part(before, part.more)  # type: ignore[arg-type]
        timetable = self._scheduling.part(done, self._cut_of(batch_size).steps(len(samples)))
        if timetable is not None:
            stretch.timetable(*timetable)
        return stretch
