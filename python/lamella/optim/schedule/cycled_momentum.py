"""Momentum that goes down where the rate goes up."""

from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import by_group


class CycledMomentum:
    """Lowest and highest momentum of each parameter group; beta1 where the optimizer has betas, as in PyTorch.

    Parameters
    ----------
    where : str
        The schedule's name.
    optimizer : Optimizer
    base, most : float or list of float
        In (0, 1); beta1 may be 0.
    """

    def __init__(self, where: str, optimizer: Optimizer, base: Any, most: Any) -> None:
        def inside(where: str, name: str, value: Any) -> float:
            return _check.number(where, name, value, 0, 1, open_end=True)

        self.base: list[float] = by_group(where, "base_momentum", base, optimizer, inside)
        self.most: list[float] = by_group(where, "max_momentum", most, optimizer, inside)
        for index, group in enumerate(optimizer.param_groups):
            if "betas" in group:
                continue
            if "momentum" not in group:
                raise ValueError(
                    f"[{where}] cycle_momentum is True but {type(optimizer).__name__} has no momentum; pass "
                    "cycle_momentum=False"
                )
            if not group["momentum"] or not self.base[index] or not self.most[index]:
                raise ValueError(
                    f"[{where}] cycle_momentum is True and momentum is to go from {self.most[index]} to "
                    f"{self.base[index]}, but it is {group['momentum']} in parameter group {index}: all must be above "
                    f"0 ({type(optimizer).__name__} keeps no velocity otherwise); or pass cycle_momentum=False"
                )
