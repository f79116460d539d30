"""Copies of all that training steps change, to go back to."""

from typing import TYPE_CHECKING, Any

from lamella.nn.module import Module

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer


def counters(model: Module) -> dict[str, dict[str, Any]]:
    """Scalars of the layers by name: dropout's rate, seed and number of steps, and the like."""
    return {name: module.settings.detach() for name, module in model.named_modules() if module.settings is not None}


def set_counters(model: Module, values: dict[str, dict[str, Any]]) -> None:
    """Take back what :func:`counters` gave."""
    for name, module in model.named_modules():
        if module.settings is not None:
            for field, value in values[name].items():
                module.settings[field] = value


class Snapshot:
    """All that training a model changes: weights, running statistics, counters, gradients, optimizer, average."""

    def __init__(self, trainer: "Trainer") -> None:
        self._model, self._optimizer = trainer.model, trainer.optimizer
        self._arrays = self._model.state_dict()
        self._counters = counters(self._model)
        self._gradients = [parameter.grad.copy() for _, parameter in self._model.named_parameters()]
        self._updates: dict[str, Any] = self._optimizer.state_dict()
        self._average = trainer.average
        self._averages = None if trainer.average is None else trainer.average.state_dict()
        self._trainer, self._added = trainer, trainer.added
        self._initial_lrs = [group.initial_lr for group in self._optimizer.param_groups]

    def restore(self) -> None:
        """Go back, bit for bit."""
        self._model.load_state_dict(self._arrays)
        set_counters(self._model, self._counters)
        for (_, parameter), gradient in zip(self._model.named_parameters(), self._gradients, strict=True):
            parameter.grad[...] = gradient
        self._optimizer.load_state_dict(self._updates)
        if self._average is not None and self._averages is not None:
            self._average.load_state_dict(self._averages)
        self._trainer.added = self._added
        for group, initial_lr in zip(self._optimizer.param_groups, self._initial_lrs, strict=True):
            group.initial_lr = initial_lr
