"""Rates by functions of the user's."""

from collections.abc import Callable, Sequence
from typing import Any

from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import by_group
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.scheduler import LRScheduler

Factor = Callable[[int], float]


def _function(where: str, name: str, value: Any) -> Factor:
    if not callable(value):
        raise TypeError(f"[{where}] {name} is {value!r:.80} but must be a function of the number of steps")
    function: Factor = value
    return function


class LambdaLR(LRScheduler):
    """base * lr_lambda(t). PyTorch's LambdaLR.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable, or list of callables
        One for all parameter groups, or one each; must be a function of t alone.
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self._functions: list[Factor] = by_group("LambdaLR", "lr_lambda", lr_lambda, optimizer, _function)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """What the function says."""
        return base * float(self._functions[group](clock.count(self.unit)))


class MultiplicativeLR(LRScheduler):
    """base * lr_lambda(1) * ... * lr_lambda(t). PyTorch's MultiplicativeLR.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable, or list of callables
        One for all parameter groups, or one each; must be a function of t alone.
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self._functions: list[Factor] = by_group("MultiplicativeLR", "lr_lambda", lr_lambda, optimizer, _function)
        self._products: list[list[float]] = [[1.0] for _ in self._functions]  # by group and step, as far as asked for
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The product so far."""
        t, products = clock.count(self.unit), self._products[group]
        while len(products) <= t:
            products.append(products[-1] * float(self._functions[group](len(products))))
        return base * products[t]
