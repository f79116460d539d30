"""The step in PyTorch, eager, with its fused optimizer."""

from collections.abc import Callable
from typing import Any

import torch

from lamella.bench.workloads import Array, Workload


def make_model(workload: Workload) -> Any:
    """The workload's network."""
    layers: list[Any] = []
    for index, (inputs, outputs) in enumerate(workload.layers):
        layers.append(torch.nn.Linear(inputs, outputs))
        if index < workload.hidden:
            layers += [torch.nn.BatchNorm1d(outputs)] if workload.batch_norm else []
            layers += [torch.nn.ReLU() if workload.activation == "relu" else torch.nn.Tanh()]
            layers += [torch.nn.Dropout(workload.dropout)] if workload.dropout else []
    dense = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(dense, workload.weights(), strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
    return torch.nn.Sequential(*layers)


def make(
    workload: Workload, threads: int, compiler: Callable[[Any], Any] = lambda objective: objective
) -> Callable[[Array, Array], float]:
    """Forward, loss, backward, fused update; the loss as a Python float. Fed from NumPy without a copy.

    ``compiler`` wraps forward and loss.
    """
    torch.set_num_threads(threads)
    model = make_model(workload)
    if workload.optimizer == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    elif workload.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    else:
        optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-4, foreach=True)  # PyTorch has no fused one
    loss = torch.nn.CrossEntropyLoss() if workload.loss == "ce" else torch.nn.MSELoss()
    objective = compiler(lambda x, y: loss(model(x), y))

    def step(x: Array, y: Array) -> float:
        optimizer.zero_grad(set_to_none=True)
        value = objective(torch.from_numpy(x), torch.from_numpy(y))
        value.backward()
        optimizer.step()
        return float(value.item())

    return step


def describe() -> str:
    """Version."""
    return f"PyTorch {torch.__version__} eager"
