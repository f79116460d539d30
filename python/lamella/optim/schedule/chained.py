"""Several schedules at once."""

from collections.abc import Sequence

from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.scheduler import LRScheduler, check_children


class ChainedScheduler(LRScheduler):
    """The product: each schedule takes the rate that the one before gives. PyTorch's ChainedScheduler.

    Parameters
    ----------
    schedulers : list of LRScheduler
        Of one optimizer; they are this schedule's own from now on. Those that say rates themselves (OneCycleLR,
        CyclicLR, PiecewiseConstantLR) can only come first.
    optimizer : Optimizer, optional
        That of the first schedule if not given.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        where = "ChainedScheduler"
        children = check_children(where, schedulers, optimizer)
        for index, child in enumerate(children[1:], 1):
            if child.absolute:
                raise ValueError(
                    f"[{where}] schedulers[{index}] ({child!r}) says its rates itself, whatever comes before it: "
                    "put it first"
                )
        self.unit = "step" if all(child.unit == "step" for child in children) else "epoch"
        self.absolute = children[0].absolute
        super().__init__(children[0].optimizer, children=children)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """One after the other."""
        for child in self.children:
            base = child.rate(base, group, clock)
        return base

    def momentum(self, group: int, clock: Clock) -> float | None:
        """The last one's that has any."""
        found = [child.momentum(group, clock) for child in self.children]
        return next((momentum for momentum in reversed(found) if momentum is not None), None)
