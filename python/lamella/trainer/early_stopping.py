"""Stops a training that no longer improves, and goes back to its best weights."""

from typing import Any

from lamella import _core
from lamella.nn.module import Module
from lamella.optim.average import WeightAverage
from lamella.trainer.options import Options


def larger_is_better(key: str) -> bool:
    """Whether a quantity of a history is to rise: accuracies are, losses and errors are not."""
    return key.endswith("accuracy")


def early_stopping(model: Module, average: WeightAverage | None, options: Options) -> _core.EarlyStopping:
    """What counts a training's epochs without improvement, and keeps the best weights and running statistics.

    With an average that is kept and restored, too.
    """
    assert options.patience is not None
    memory = model.store().memory
    kept: list[Any] = []
    if options.restore_best:
        kept = model.state_operands()
        if average is not None:
            kept += average.state_operands(memory)
    return _core.EarlyStopping(memory, kept, options.patience, options.min_delta, larger_is_better(options.monitor))
