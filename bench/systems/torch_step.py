"""The step in PyTorch, eager, with its fused optimizer."""

from collections.abc import Callable
from typing import Any

import torch

from workloads import Array, Workload


def make(workload: Workload, threads: int, dropout: float) -> Callable[[Array, Array], float]:
    """Forward, loss, backward, fused update; the loss as a Python float. Fed from NumPy without a copy."""
    torch.set_num_threads(threads)
    layers: list[Any] = []
    pairs = list(zip(workload.widths, workload.widths[1:], strict=False))
    for index, (a, b) in enumerate(pairs):
        layers.append(torch.nn.Linear(a, b))
        if index < len(pairs) - 1:
            layers += [torch.nn.BatchNorm1d(b)] if workload.batch_norm else []
            layers += [torch.nn.ReLU() if workload.activation == "relu" else torch.nn.Tanh()]
            layers += [torch.nn.Dropout(dropout)] if dropout else []
    model = torch.nn.Sequential(*layers)
    dense = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(dense, workload.weights(), strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    optimizer: torch.optim.Optimizer
    if workload.optimizer == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    elif workload.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    else:
        optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-4, foreach=True)  # PyTorch has no fused one
    loss = torch.nn.CrossEntropyLoss() if workload.loss == "ce" else torch.nn.MSELoss()

    def step(x: Array, y: Array) -> float:
        optimizer.zero_grad(set_to_none=True)
        value = loss(model(torch.from_numpy(x)), torch.from_numpy(y))
        value.backward()
        optimizer.step()
        return float(value.item())

    return step


def describe() -> str:
    """Version."""
    return f"PyTorch {torch.__version__} eager"
