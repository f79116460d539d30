"""An epoch whose rows come in parts."""

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lamella import _core
from lamella.trainer.prefetch import Prefetch
from lamella.trainer.samples import Samples
from lamella.trainer.stretch import Stretch, Taken


class Part(NamedTuple):
    """Rows of an epoch that lie in memory at a time: how they are taken, and whether others follow."""

    samples: Samples
    taken: Taken
    more: bool


class EpochInParts:
    """One epoch in parts, which are made on another thread, each a stretch of its own.

    Parameters
    ----------
    parts : callable
        What a :class:`Prefetch` takes, of :class:`Part`.
    make : callable
        ``make(part, before, steps)`` gives a part's stretch, after the one before and so many steps.
    """

    def __init__(
        self,
        parts: Callable[[Callable[[], bool]], Iterator[Part]],
        make: Callable[[Part, Stretch | None, int], Stretch],
    ) -> None:
        self._parts, self._make = parts, make
        self._seconds: float | None = None  # once it is over
        self._last: Stretch | None = None
        self.stopped = False

    def run(self) -> None:
        """The epoch."""
        start = time.perf_counter()
        with Prefetch(self._parts) as parts:
            for part in parts:
                self._last = self._make(part, self._last, self.last[1])
                self._last.run()
                if self._last.ending != _core.Ending.complete:
                    return
        self._seconds = time.perf_counter() - start

    @property
    def ending(self) -> _core.Ending:
        """How it ended."""
        if self._last is None or (self._last.ending == _core.Ending.complete and self._seconds is None):
            return _core.Ending.interrupted
        return self._last.ending

    @property
    def last(self) -> tuple[float, int]:
        """Loss and steps, so far."""
        return (math.nan, 0) if self._last is None else self._last.last

    @property
    def records(self) -> dict[str, list[float]]:
        """The epoch's quantities, if it is complete: those that its last part noted."""
        if self._seconds is None or self._last is None:
            return {"loss": []}
        return {**self._last.records, "seconds": [self._seconds]}
