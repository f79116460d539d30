"""The step in lamella."""

from collections.abc import Callable
from typing import Any

import lamella as lm
from lamella import nn, optim
from workloads import Array, Workload


def make(workload: Workload, threads: int, dropout: float) -> Callable[[Array, Array], float]:
    """A whole step in one call."""
    lm.set_num_threads(threads)
    layers: list[Any] = []
    pairs = list(zip(workload.widths, workload.widths[1:], strict=False))
    dense = []
    for index, (a, b) in enumerate(pairs):
        dense.append(nn.Linear(a, b))
        layers.append(dense[-1])
        if index < len(pairs) - 1:
            layers += [nn.BatchNorm1d(b)] if workload.batch_norm else []
            layers += [nn.ReLU() if workload.activation == "relu" else nn.Tanh()]
            layers += [nn.Dropout(dropout)] if dropout else []
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
    return lm.Trainer(model, loss, optimizer).step


def describe() -> str:
    """Version and instruction set."""
    return f"lamella {lm.__version__} ({lm._core.isa()})"
