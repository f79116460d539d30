"""Successive halving: many trials for a few epochs, the best of them for more."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamella.nn import _check


@dataclass(frozen=True)
class Halving:
    """Successive halving, for ``lm.search(halving=...)``: trials pause at rungs, and the best of each go on.

    All are trained for some epochs; about one in ``factor`` for ``factor`` times as many, and so on, up to the
    search's ``epochs``. The first rung is the lowest of epochs / factor, epochs / factor^2, ... that is not below
    ``min_epochs``, and high enough for one trial to be left in the last.

    Parameters
    ----------
    factor : int, default 3
        At least 2.
    min_epochs : int, default 1
        Of each trial.
    synchronous : bool, default False
        False: ASHA (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning"): a trial goes on as soon
        as it is among the best 1 / factor of those that have come to its rung so far, so that no thread waits; which do
        hangs on the order in which they arrive, and so on the number of threads and on chance. True: a rung is
        decided on when all have come (Jamieson & Talwalkar 2016): the same bits for any number of threads.
    """

    factor: int = 3
    min_epochs: int = 1
    synchronous: bool = False

    def __post_init__(self) -> None:
        _check.integer("Halving", "factor", self.factor, 2)
        _check.integer("Halving", "min_epochs", self.min_epochs, 1)
        _check.flag("Halving", "synchronous", self.synchronous)


def rungs(epochs: int, n: int, halving: Halving | None) -> list[int]:
    """Epochs at which n trials pause, the last of which ends them."""
    found = [epochs]
    if halving is not None:
        factor = halving.factor
        while n // factor ** len(found) >= 1 and epochs // factor ** len(found) >= halving.min_epochs:
            found.append(epochs // factor ** len(found))
    return found[::-1]


def quotas(n: int, count: int, halving: Halving | None) -> list[int]:
    """How many of n trials come to each of so many rungs if none diverges, and none goes on by mistake."""
    return [n // (1 if halving is None else halving.factor) ** rung for rung in range(count)]


def cost(epochs: int, rounds: Sequence[int], halving: Halving | None) -> int:
    """Epochs of all trials of rounds with so many each."""
    total = 0
    for n in rounds:
        levels = rungs(epochs, n, halving)
        steps = [high - low for low, high in zip([0, *levels], levels, strict=False)]
        total += sum(count * step for count, step in zip(quotas(n, len(levels), halving), steps, strict=True))
    return total


def affordable_epochs(budget: int, rounds: Sequence[int], halving: Halving | None) -> int:
    """The most epochs for a trial, with as many rungs as can be, that so many in all pay for; 0 if none do."""
    least, factor = (1, 2) if halving is None else (halving.min_epochs, halving.factor)
    most = len(rungs(budget, min(rounds), halving))
    for count in range(most, 0, -1):
        low: int = least * factor ** (count - 1)
        high: int = budget if count == most else min(least * factor**count - 1, budget)
        if low > high or cost(low, rounds, halving) > budget:
            continue
        while low < high:  # cost grows with epochs while the number of rungs is the same
            middle = (low + high + 1) // 2
            low, high = (middle, high) if cost(middle, rounds, halving) <= budget else (low, middle - 1)
        return low
    return 0
