"""Lower rates when a measure stops improving."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import at_least_zero, by_group, choice
from lamella.optim.schedule.clock import Clock
from lamella.optim.schedule.scheduler import LRScheduler, check_metrics


class ReduceLROnPlateau(LRScheduler):
    """rate = max(rate * factor, min_lr) after ``patience`` epochs without improvement. PyTorch's ReduceLROnPlateau.

    ``factor=0.5`` halves. In :meth:`lamella.Trainer.fit` it looks at ``monitor``, the validation loss by default; by
    hand, ``step(metrics)`` is called after each epoch. Unlike PyTorch's it may stand in :class:`Warmup`,
    :class:`ChainedScheduler` and :class:`SequentialLR`, whose ``step(metrics)`` tells it.

    Parameters
    ----------
    optimizer : Optimizer
    mode : "min" or "max", default "min"
        Whether smaller is better.
    factor : float, default 0.1
        In [0, 1).
    patience : int, default 10
        Epochs without improvement that are allowed: the rate falls after one more.
    threshold : float, default 1e-4
        What counts as an improvement on the best so far.
    threshold_mode : "rel" or "abs", default "rel"
        Better than best * (1 -+ threshold), or than best -+ threshold.
    cooldown : int, default 0
        Epochs after a reduction that do not count.
    min_lr : float or list of float, default 0
        One for all parameter groups, or one each.
    eps : float, default 1e-8
        A smaller change of the rate is left out.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        where = "ReduceLROnPlateau"
        self.mode = choice(where, "mode", mode, ("min", "max"))
        self._factor = _check.number(where, "factor", factor, 0, 1, open_end=True)
        self._patience = _check.integer(where, "patience", patience, 0)
        self._threshold = _check.number(where, "threshold", threshold, 0)
        self._threshold_mode = choice(where, "threshold_mode", threshold_mode, ("rel", "abs"))
        self._cooldown = _check.integer(where, "cooldown", cooldown, 0)
        self._min_lr: list[float] = by_group(where, "min_lr", min_lr, optimizer, at_least_zero)
        self._eps = _check.number(where, "eps", eps, 0)
        self.best = math.inf if self.mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self._reductions = [1.0] * len(self._min_lr)  # by parameter group, all together
        super().__init__(optimizer)

    @property
    def watches(self) -> bool:
        """Yes."""
        return True

    def step(self, metrics: float | None = None) -> None:
        """Look at the epoch's validation loss or the like."""
        if metrics is None:
            raise TypeError("[ReduceLROnPlateau.step] metrics is missing: the validation loss, or what is to improve")
        super().step(metrics)

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The base after all reductions."""
        return base * self._reductions[group]

    def watch(self, metrics: float) -> None:
        """Count epochs without improvement; reduce the rates if there were too many."""
        if self._is_better(metrics):
            self.best = metrics
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self._patience:
            self._reduce()
            self.cooldown_counter = self._cooldown
            self.num_bad_epochs = 0

    def _is_better(self, value: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self._threshold_mode == "rel":
            return sign * value > sign * self.best * (1 + sign * self._threshold)
        return sign * value > sign * self.best + self._threshold

    def _reduce(self) -> None:
        for index, group in enumerate(self.optimizer.param_groups):
            old = group["lr"]
            new = max(old * self._factor, self._min_lr[index])
            if old - new > self._eps:
                self._reductions[index] *= new / old

    def extra_state(self) -> dict[str, Any]:
        """The best so far, counters and reductions."""
        return {
            "best": self.best,
            "num_bad_epochs": self.num_bad_epochs,
            "cooldown_counter": self.cooldown_counter,
            "reductions": list(self._reductions),
        }

    def check_extra_state(self, state: Mapping[str, Any], where: str) -> None:
        """All there, and numbers."""
        check_metrics(where, state.get("best"), "best")
        for name in ("num_bad_epochs", "cooldown_counter"):
            _check.integer(where, name, state.get(name), 0)
        reductions = state.get("reductions")
        if not isinstance(reductions, (list, tuple)) or len(reductions) != len(self._reductions):
            raise ValueError(
                f"[{where}] reductions is {reductions!r:.80} but must be a number for each parameter group"
            )
        for index, value in enumerate(reductions):
            _check.number(where, f"reductions[{index}]", value, 0, 1)

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        self.best = float(state["best"])
        self.num_bad_epochs, self.cooldown_counter = state["num_bad_epochs"], state["cooldown_counter"]
        self._reductions = [float(value) for value in state["reductions"]]

    def describe(self) -> str:
        """Arguments."""
        return f"mode={self.mode!r}, factor={self._factor!r}, patience={self._patience}"
