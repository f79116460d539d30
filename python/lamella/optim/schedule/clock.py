"""Where a training is: what schedules are functions of."""

from typing import NamedTuple

#: What a schedule may count.
UNITS = ("epoch", "step")


class Clock(NamedTuple):
    """How far a training has come.

    By hand, whatever the caller counts with ``step()`` is the one count: ``epochs`` is None. ``fit`` counts both steps
    and epochs, and each schedule reads the one that it is made for.
    """

    steps: int = 0
    epochs: int | None = None

    def count(self, unit: str) -> int:
        """The count of that unit."""
        return self.steps if self.epochs is None or unit == "step" else self.epochs

    def since(self, count: int, unit: str) -> "Clock":
        """As seen by what begins ``count`` units later; a count of the other unit goes on as it is."""
        if self.epochs is None:
            return Clock(max(self.steps - count, 0))
        if unit == "step":
            return Clock(max(self.steps - count, 0), self.epochs)
        return Clock(self.steps, max(self.epochs - count, 0))
