"""Schedules one after the other."""

from bisect import bisect_right
from collections.abc import Sequence

from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import check_optimizer, counts
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.scheduler import LRScheduler, check_children


class SequentialLR(LRScheduler):
    """One schedule until the first milestone, the next from there, and so on. PyTorch's SequentialLR.

    Each begins at its own step 0. Milestones count what all of the schedules count; in a mixture, epochs.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of LRScheduler
        Of this optimizer; they are this schedule's own from now on.
    milestones : list of int
        One fewer than schedules, each above the one before.
    last_epoch : int, default -1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        where = "SequentialLR"
        children = check_children(where, schedulers, check_optimizer(where, optimizer))
        self._milestones = counts(where, "milestones", milestones)
        if len(self._milestones) != len(children) - 1:
            raise ValueError(
                f"[{where}] milestones has {len(self._milestones)} entries but {len(children)} schedules need "
                f"{len(children) - 1}"
            )
        if len(set(self._milestones)) != len(self._milestones):
            raise ValueError(f"[{where}] milestones is {self._milestones} but each must be above the one before")
        self.unit = "step" if all(child.unit == "step" for child in children) else "epoch"
        self.absolute = any(child.absolute for child in children)
        super().__init__(optimizer, last_epoch, children)

    def _active(self, clock: Clock) -> tuple[LRScheduler, Clock]:
        """The schedule of that time, and its own time."""
        index = bisect_right(self._milestones, clock.count(self.unit))
        begin = self._milestones[index - 1] if index else 0
        return self.children[index], clock.since(begin, self.unit)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """That of the schedule whose turn it is."""
        active, own = self._active(clock)
        return active.rate(base, group, own)

    def momentum(self, group: int, clock: Clock) -> float | None:
        """That of the schedule whose turn it is."""
        active, own = self._active(clock)
        return active.momentum(group, own)

    def watch(self, metrics: float) -> None:
        """Only the schedule whose turn it is looks."""
        self._active(self.clock)[0].watch(metrics)

    def describe(self) -> str:
        """Arguments."""
        return f"milestones={self._milestones}"
