"""How often a training is looked at by those who show it."""

import time

#: Seconds between two looks, about.
PAUSE = 0.1


class Pace:
    """Tells how many epochs take about as long as one may wait for a look."""

    def __init__(self) -> None:
        self._last = time.perf_counter(), 0

    def every(self, done: int) -> int:
        """So many epochs are done: after every how many to look again."""
        now, (before, so_far) = time.perf_counter(), self._last
        self._last = now, done
        took = (now - before) / max(done - so_far, 1)
        return max(1, int(PAUSE / max(took, 1e-9)))
