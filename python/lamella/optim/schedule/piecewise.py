"""A table of rates."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import at_least_zero, by_group, counts
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.scheduler import LRScheduler


class PiecewiseConstantLR(LRScheduler):
    """A staircase: ``values[k]`` from step ``boundaries[k - 1]`` to the one before ``boundaries[k]``.

    As Keras's PiecewiseConstantDecay, but a boundary is the first step of the new rate, as PyTorch's milestones are.

    Parameters
    ----------
    optimizer : Optimizer
    boundaries : list of int
        In order.
    values : list of float, or of lists
        Rates, one more than boundaries; each for all parameter groups, or a list with one for each group.
    last_epoch : int, default -1
    """

    absolute = True

    def __init__(
        self,
        optimizer: Optimizer,
        boundaries: Iterable[int],
        values: Sequence[float | Sequence[float]],
        last_epoch: int = -1,
    ) -> None:
        where = "PiecewiseConstantLR"
        self._boundaries = counts(where, "boundaries", boundaries)
        if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
            raise TypeError(f"[{where}] values is {values!r:.80} but must be a list of rates")
        if len(values) != len(self._boundaries) + 1:
            raise ValueError(
                f"[{where}] values has {len(values)} entries but {len(self._boundaries)} boundaries need "
                f"{len(self._boundaries) + 1}"
            )
        self._values = [
            by_group(where, f"values[{i}]", value, optimizer, at_least_zero) for i, value in enumerate(values)
        ]
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The table's entry."""
        rate: float = self._values[bisect_right(self._boundaries, clock.count(self.unit))][group]
        return rate

    def describe(self) -> str:
        """Arguments."""
        return f"boundaries={self._boundaries}, values={self._values}"
