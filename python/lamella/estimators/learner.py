"""A network and what trains it, as an estimator keeps them."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

from lamella import nn
from lamella.nn.loss import Loss
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule import LRScheduler
from lamella.trainer import Trainer


class Learner:
    """A model, its loss, and its trainer. Copies and pickles go on with the same bits, and hold no data.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    solver : callable
        Makes the optimizer of the model.
    """

    def __init__(self, model: nn.Sequential, loss: Loss, solver: Callable[[nn.Module], Optimizer]) -> None:
        self.model, self.loss, self._solver = model, loss, solver
        self._state: dict[str, Any] | None = None  # of the trainer, until it is needed
        self._schedule: LRScheduler | None = None

    @cached_property
    def trainer(self) -> Trainer:
        """The trainer; made when it is first needed."""
        trainer = Trainer(self.model, self.loss, self._solver(self.model))
        if self._state is not None:
            history = {"entries": {"loss": [math.nan] * self._state["epochs"]}, "best_epoch": None, "stopped": None}
            trainer.load_state_dict({**self._state, "model": self.model.state_dict(), "history": history})
            self._state = None
        return trainer

    def schedule(self, make: Callable[[Optimizer], LRScheduler | None]) -> LRScheduler | None:
        """The optimizer's schedule, made once: it goes on from call to call."""
        if self._schedule is None:
            self._schedule = make(self.trainer.optimizer)
        return self._schedule

    def renew(self, solver: Callable[[nn.Module], Optimizer]) -> None:
        """Go on from these weights with a new optimizer."""
        history = self.trainer.history
        del self.trainer
        self._solver, self._schedule = solver, None
        self.trainer.history = history

    def __getstate__(self) -> dict[str, Any]:
        state = self._state
        if state is None and "trainer" in self.__dict__:
            state = self.trainer.state_dict()
            del state["model"], state["history"]
            state["epochs"] = self.trainer.history.epochs  # that rows come in another order each time
        return {"model": self.model, "loss": self.loss, "_solver": self._solver, "_state": state, "_schedule": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.model.store()  # so that a part of the model, used by itself, has the model's memory
