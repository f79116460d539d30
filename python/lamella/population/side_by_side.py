"""Many trainings at once, a thread each."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from lamella import _core
from lamella._config import get_num_threads
from lamella.trainer.divergence import DivergenceError
from lamella.trainer.training import Training

#: Told of each training that is over or has come to its limit, and why if it diverged; gives those that are to be run
#: in its place, perhaps itself with another limit.
Over = Callable[[Training, DivergenceError | None], Iterable[Training]]


def run_side_by_side(trainings: Sequence[Training], over: Over) -> None:
    """Run all trainings. If it is interrupted, each ends after its present step, with its history and its weights."""
    crew = _Crew(trainings, over)
    try:
        _core.train_side_by_side(crew.more(), len(trainings), crew.ended)
    except BaseException:
        crew.interrupt()
        raise


class _Crew:
    """Trainings are begun when their turn comes: what that takes in Python is not to keep threads waiting."""

    def __init__(self, trainings: Sequence[Training], over: Over) -> None:
        self._over, self._waiting, self._threads = over, deque(trainings), get_num_threads()
        self._running: dict[int, tuple[_core.Stretch, Training]] = {}  # by the stretch's identity

    def more(self, first: Iterable[Training] = ()) -> list[_core.Stretch]:
        """Stretches of these trainings, or of what comes after them; and as many others as keep all threads at work."""
        own, stretches = deque(first), []
        while own or len(self._running) < self._threads:
            training = own.popleft() if own else self._draw()
            if training is None:
                break
            try:
                stretch = self._next(training)
            except DivergenceError as error:
                own.extendleft(reversed(self._after(training, error)))
                continue
            if stretch is None:
                own.extendleft(reversed(self._after(training, None)))
            else:
                stretches.append(stretch)
        return stretches

    def _draw(self) -> Training | None:
        try:
            return self._waiting.popleft()
        except IndexError:  # perhaps taken by another thread
            return None

    def ended(self, stretch: _core.Stretch) -> list[_core.Stretch]:
        """Take note of a stretch; what is to be run next."""
        training = self._running.pop(id(stretch))[1]
        interrupted = stretch.ending == _core.Ending.interrupted
        try:
            training.end(stretch, interrupted)
        except DivergenceError as error:
            return self.more(self._after(training, error))
        return [] if interrupted else self.more([training])

    def interrupt(self) -> None:
        """Take note of what was begun and has not been taken note of."""
        for stretch, training in self._running.values():
            with contextlib.suppress(DivergenceError):
                training.end(stretch, interrupted=True)

    def _next(self, training: Training) -> _core.Stretch | None:
        """The next native stretch; those with layers in Python are run here and now."""
        while (stretch := training.begin()) is not None:
            if isinstance(stretch, _core.Stretch):
                self._running[id(stretch)] = stretch, training
                return stretch
            training.run_stretch(stretch)
        return None

    def _after(self, training: Training, error: DivergenceError | None) -> list[Training]:
        if training.over:
            training.finish()
        return list(self._over(training, error))
