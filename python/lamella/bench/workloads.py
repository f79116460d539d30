"""The seven networks that every speed claim is measured on, with their data and a float64 reference."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Workload:
    """One network and how it is trained."""

    name: str
    widths: tuple[int, ...]
    activation: str  # "relu" or "tanh"
    batch: int
    optimizer: str  # "adam", "sgd" (momentum 0.9) or "rmsprop"
    loss: str  # "ce" or "mse"
    dropout: float = 0.0
    batch_norm: bool = False

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each dense layer."""
        return list(zip(self.widths, self.widths[1:], strict=False))

    @property
    def hidden(self) -> int:
        """Number of hidden layers."""
        return len(self.widths) - 2

    @property
    def multiply_adds(self) -> int:
        """Of one step: forward, weight gradients, and input gradients of all layers but the first."""
        products = [a * b for a, b in self.layers]
        return self.batch * (3 * sum(products) - products[0])

    @property
    def parameters(self) -> int:
        """Weights, biases and batch-norm parameters."""
        count = sum(a * b + b for a, b in self.layers)
        return count + (2 * sum(self.widths[1:-1]) if self.batch_norm else 0)

    @property
    def least_bytes(self) -> int:
        """What a float32 step cannot do without: parameters, gradients, slots, saved activations and the batch."""
        slots = {"adam": 2, "sgd": 1, "rmsprop": 1}[self.optimizer]
        saved = 1 + self.batch_norm  # of each hidden layer: its output, and what was normalised
        activations = saved * sum(self.widths[1:-1]) + self.widths[-1] + self.widths[0]
        return 4 * (self.parameters * (2 + slots) + self.batch * activations)

    def data(self) -> tuple[Array, Array]:
        """One batch: features and targets."""
        rng = np.random.default_rng(1)
        x = rng.standard_normal((self.batch, self.widths[0])).astype(np.float32)
        if self.loss == "ce":
            return x, rng.integers(0, self.widths[-1], self.batch)
        return x, rng.standard_normal((self.batch, self.widths[-1])).astype(np.float32)

    def weights(self) -> Iterator[tuple[Array, Array]]:
        """First weights (out, in) and biases (out,) of each dense layer, one by one: the same for every system."""
        rng = np.random.default_rng(2)
        for a, b in self.layers:
            yield (rng.standard_normal((b, a)) * np.sqrt(1.0 / a)).astype(np.float32), np.zeros(b, np.float32)

    def outputs(self, x: Array) -> Array:
        """What the network with its first weights makes of x, without dropout, in float64."""
        h = x.astype(np.float64)
        for index, (w, b) in enumerate(self.weights()):
            h = h @ w.T.astype(np.float64) + b
            if index == self.hidden:
                break
            if self.batch_norm:
                h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)
            h = np.maximum(h, 0) if self.activation == "relu" else np.tanh(h)
        return h

    def first_loss(self) -> float:
        """Loss of the first step without dropout, in float64."""
        x, y = self.data()
        h = self.outputs(x)
        if self.loss == "mse":
            return float(((h - y) ** 2).mean())
        peak = h.max(1, keepdims=True)
        return float((np.log(np.exp(h - peak).sum(1)) + peak[:, 0] - h[np.arange(len(h)), y]).mean())


WORKLOADS = {
    w.name: w
    for w in (
        Workload("rl_policy", (17, 64, 64, 6), "tanh", 64, "adam", "mse"),
        Workload("sac_critic", (23, 256, 256, 1), "relu", 256, "adam", "mse"),
        Workload("digits", (64, 128, 64, 10), "relu", 32, "sgd", "ce", dropout=0.2),
        Workload("tabular_bn", (54, 512, 512, 512, 7), "relu", 256, "adam", "ce", dropout=0.1, batch_norm=True),
        Workload("mnist", (784, 512, 256, 10), "relu", 128, "adam", "ce"),
        Workload("mnist_drop", (784, 1024, 1024, 1024, 10), "relu", 128, "rmsprop", "ce", dropout=0.5),
        Workload("wide", (2048, 4096, 4096, 1000), "relu", 512, "adam", "ce"),
    )
}
