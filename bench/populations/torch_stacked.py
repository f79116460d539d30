"""PyTorch at its best: one model whose weights are stacked, by batched products; the batch of a step is shared."""

import numpy as np
import torch
from torch.nn import functional

from lamella.bench.workloads import Array
from populations import Trained
from populations.networks import Task


def make(task: Task, name: str) -> Trained:
    """The sum of the models' losses, whose gradients are each model's own, and one fused Adam."""
    torch.set_num_threads(task.threads)
    task = task.shortened()
    network, models = task.network, task.models
    every = [list(task.member(number).weights()) for number in range(models)]
    layers = [
        (
            torch.from_numpy(np.stack([w.T for w, _ in layer])).requires_grad_(),
            torch.from_numpy(np.stack([b[None] for _, b in layer])).requires_grad_(),
        )
        for layer in zip(*every, strict=True)
    ]
    del every
    optimizer = torch.optim.Adam([p for layer in layers for p in layer], lr=1e-4, fused=True)
    features, targets = task.data()

    def losses(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        h = x.expand(models, *x.shape)
        for index, (w, b) in enumerate(layers):
            h = torch.baddbmm(b, h, w)
            if index < network.hidden:
                h = torch.relu(h) if network.activation == "relu" else torch.tanh(h)
                h = functional.dropout(h, network.dropout) if network.dropout else h
        if network.loss == "mse":
            return ((h - y) ** 2).mean((1, 2))
        every = functional.cross_entropy(h.reshape(-1, h.shape[2]), y.repeat(models), reduction="none")
        return every.reshape(models, -1).mean(1)

    def epochs(count: int, shuffle: bool) -> Array:
        for epoch in range(count):
            found = []
            for x, y in task.batches(features, targets, epoch, shuffle):
                optimizer.zero_grad(set_to_none=True)
                values = losses(torch.from_numpy(x), torch.from_numpy(y))
                values.sum().backward()
                optimizer.step()
                found.append(values.detach().numpy())
        return np.mean(found, axis=0)

    return Trained(f"PyTorch {torch.__version__} baddbmm", task, epochs)
