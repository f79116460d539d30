"""The step in lamella."""

from collections.abc import Callable
from typing import Any

import lamella as lm
from lamella import nn, optim
from lamella.bench.workloads import Array, Workload
from lamella.trainer.samples import targets_of


def make_trainer(workload: Workload, threads: int, precision: str | None = None) -> lm.Trainer:
    """The workload's network, loss and optimizer."""
    lm.set_num_threads(threads)
    layers: list[nn.Module] = []
    dense = [nn.Linear(inputs, outputs) for inputs, outputs in workload.layers]
    for index, layer in enumerate(dense):
        layers.append(layer)
        if index < workload.hidden:
            layers += [nn.BatchNorm1d(workload.widths[index + 1])] if workload.batch_norm else []
            layers += [nn.ReLU() if workload.activation == "relu" else nn.Tanh()]
            layers += [nn.Dropout(workload.dropout)] if workload.dropout else []
    model = nn.Sequential(*layers, seed=0)
    parameters = model.parameters()
    for layer, (weight, bias) in zip(dense, workload.weights(), strict=True):
        assert layer.bias is not None
        layer.weight.data[...] = weight
        layer.bias.data[...] = bias
    optimizer: optim.Optimizer
    if workload.optimizer == "adam":
        optimizer = optim.Adam(parameters, lr=1e-4)
    elif workload.optimizer == "sgd":
        optimizer = optim.SGD(parameters, lr=1e-3, momentum=0.9)
    else:
        optimizer = optim.RMSprop(parameters, lr=1e-4)
    loss = nn.CrossEntropyLoss() if workload.loss == "ce" else nn.MSELoss()
    return lm.Trainer(model, loss, optimizer, precision=precision)


def make(workload: Workload, threads: int) -> Callable[[Array, Array], float]:
    """A whole step in one call."""
    return make_trainer(workload, threads).step


def threads_used(workload: Workload, threads: int) -> int:
    """How many of the threads a step takes: fewer where it is too small to share."""
    step, _, _ = _native_step(make_trainer(workload, threads), workload)
    return int(step.runner.threads(0, step.program.num_ranges - 1, workload.batch))


def time_ops(workload: Workload, threads: int, repeats: int) -> list[tuple[str, float, float, float]]:
    """(name, least seconds, multiply-adds, bytes) of each op of a step."""
    step, x, targets = _native_step(make_trainer(workload, threads), workload)
    return list(step.runner.time_ops(0, step.program.num_ranges - 1, x, targets, repeats))


def _native_step(trainer: lm.Trainer, workload: Workload) -> tuple[Any, Array, Array]:
    """The trainer's program and runner, which are no part of the public API, and what they take."""
    x, y = workload.data()
    targets = targets_of(trainer.model, trainer.loss, y, workload.batch, workload.widths[0], "bench")
    return trainer.prepare(workload.widths[0], targets), x, targets


def describe() -> str:
    """Version and instruction set."""
    return f"lamella {lm.__version__} ({lm._core.isa()})"
