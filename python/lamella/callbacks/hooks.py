"""The callbacks of one training: which of their hooks are called when."""

import contextlib
from collections.abc import Iterator, Sequence

from lamella.callbacks.callback import Callback, has
from lamella.callbacks.run import Run


class Hooks:
    """Calls hooks in the order of the callbacks; those of ``on_fit_end`` in the reverse order."""

    def __init__(self, callbacks: Sequence[Callback], run: Run) -> None:
        self._callbacks, self._run = callbacks, run
        self._by_epoch = [callback for callback in callbacks if has(callback, "on_epoch_end")]
        self._by_step = [callback for callback in callbacks if has(callback, "on_step_end")]
        self._steps = 0

    @property
    def by_step(self) -> bool:
        """Whether some are to be called after each step."""
        return bool(self._by_step)

    def epochs(self, done: int, left: int) -> int:
        """How many of the epochs that are left may run in a row, after so many: none is due in between."""
        if self._by_step:
            return 1
        return min([left, *(callback.every - done % callback.every for callback in self._by_epoch)])

    @contextlib.contextmanager
    def fit(self) -> Iterator[None]:
        """A context for the training: all that began are told of its end, whatever the others raise."""
        with contextlib.ExitStack() as ends:
            for callback in self._callbacks:
                callback.on_fit_begin(self._run)
                ends.callback(callback.on_fit_end, self._run)
            yield

    def epoch_end(self, epoch: int, record: dict[str, float]) -> None:
        """Call those that are due; after the last epoch, all."""
        run, early = self._run, []
        for callback in self._by_epoch:
            if (epoch + 1) % callback.every == 0:
                callback.on_epoch_end(run, epoch, record)
            else:
                early.append(callback)
        if run.history.stopped is not None or epoch + 1 == run.epochs:
            for callback in early:
                callback.on_epoch_end(run, epoch, record)

    def step_end(self, loss: float) -> bool:
        """Call those of steps; whether the training is to end."""
        for callback in self._by_step:
            callback.on_step_end(self._run, self._steps, loss)
        self._steps += 1
        return self._run.history.stopped is not None
