"""How many trials, for how many epochs."""

from typing import Any

from lamella.nn import _check
from lamella.tuning.draw import Given, Space
from lamella.tuning.halving import Halving, affordable_epochs, cost


def round_sizes(n: Any, rounds: Any, source: Space | Given, where: str) -> list[int]:
    """Trials of each round."""
    rounds = _check.integer(where, "rounds", rounds, 1)
    if isinstance(source, Given):
        if n not in (None, len(source)):
            raise ValueError(f"[{where}] n is {n!r} but space is a list of {len(source)} settings; n may be left out")
        if rounds > 1:
            raise ValueError(
                f"[{where}] rounds is {rounds} but space is a list of settings: there is nothing to narrow"
            )
        n = len(source)
    if n is None:
        raise TypeError(f"[{where}] n, the number of trials, is missing")
    n = _check.integer(where, "n", n, 1)
    if rounds > n:
        raise ValueError(f"[{where}] rounds is {rounds} but there are {n} trials")
    return [n // rounds + (place < n % rounds) for place in range(rounds)]


def epochs_of_a_trial(epochs: Any, budget: Any, sizes: list[int], folds: int, halving: Any, where: str) -> int:
    """The most epochs of a trial, given or what the budget pays for."""
    if halving is not None and not isinstance(halving, Halving):
        raise TypeError(f"[{where}] halving is {halving!r:.80} but must be a Halving")
    if budget is None and epochs is None:
        raise TypeError(f"[{where}] epochs (of a model) or budget (epochs in all) is missing")
    if epochs is None:
        return _affordable(_check.integer(where, "budget", budget, 1), sizes, folds, halving, where)
    most = _check.integer(where, "epochs", epochs, 1)
    if halving is not None and most < halving.min_epochs:
        raise ValueError(f"[{where}] epochs is {most} but halving has min_epochs {halving.min_epochs}")
    if budget is not None:
        fixed = halving is None or halving.synchronous
        least = folds * (cost(most, sizes, halving) if fixed else most * len(sizes))
        if least > _check.integer(where, "budget", budget, 1):
            who = _counted(sizes, folds) + " need" if fixed else "one trial a round needs"
            raise ValueError(f"[{where}] budget is {budget} epochs but {who} {least} to come to {most}")
    return most


def _affordable(budget: int, sizes: list[int], folds: int, halving: Halving | None, where: str) -> int:
    most = affordable_epochs(budget // folds, sizes, halving)
    if halving is not None and not halving.synchronous:  # the rest is for those that go on early, by mistake
        most = affordable_epochs(budget // folds * 2 // 3, sizes, halving) or most
    if most == 0:
        least = sum(sizes) * folds * (1 if halving is None else halving.min_epochs)
        raise ValueError(f"[{where}] budget is {budget} epochs but {_counted(sizes, folds)} need at least {least}")
    return most


def _counted(sizes: list[int], folds: int) -> str:
    return f"{sum(sizes)} trials" + (f" of {folds} folds" if folds > 1 else "")
