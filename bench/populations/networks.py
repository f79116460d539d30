"""The networks of which many are trained, what they are trained on, and the losses they must come to."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lamella.bench.systems import numpy_step
from lamella.bench.workloads import Array, Workload


@dataclass(frozen=True)
class Network(Workload):
    """A workload of which there are many, each with first weights of its own."""

    number: int = 0
    exact: bool = False  # weights in float64

    def weights(self) -> Iterator[tuple[Array, Array]]:
        """First weights and biases of the model of this number."""
        rng = np.random.default_rng([2, self.number])
        for a, b in self.layers:
            weight = (rng.standard_normal((b, a)) * np.sqrt(1.0 / a)).astype(np.float32)
            dtype = np.float64 if self.exact else np.float32
            yield weight.astype(dtype), np.zeros(b, dtype)

    @property
    def kept_bytes(self) -> int:
        """What a model holds on to between steps: values, gradients and Adam's two slots, in float32."""
        return 4 * 4 * self.parameters


NETWORKS = {
    n.name: n
    for n in (
        Network("digits", (64, 128, 64, 10), "relu", 32, "adam", "ce", dropout=0.2),
        Network("rl_policy", (17, 64, 64, 6), "tanh", 64, "adam", "mse"),
    )
}

#: Steps of an epoch, of all models together, that are enough where more would tell nothing else.
_MOST = 12_000


@dataclass(frozen=True)
class Task:
    """Train so many models of a network for epochs over so many rows, with so many threads."""

    network: Network
    models: int
    rows: int
    threads: int
    checkable: bool = False  # no dropout, and the first weights of all systems are the same

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SystemExit(f"{self.rows} rows are less than a batch of {self.network.name}: {self.network.batch}")

    @property
    def steps(self) -> int:
        """Of an epoch; rows that are left over are left out."""
        return self.rows // self.network.batch

    def member(self, number: int) -> Network:
        """The model of that number."""
        return replace(self.network, number=number)

    def data(self) -> tuple[Array, Array]:
        """All rows: features and targets."""
        return replace(self.network, batch=self.rows).data()

    def shortened(self) -> "Task":
        """With so few rows that an epoch of many models takes no longer than need be to be timed."""
        steps = min(self.steps, max(8, _MOST // self.models))
        return replace(self, rows=steps * self.network.batch)

    def made_checkable(self) -> "Task":
        """The same, or less, with losses that can be foretold."""
        return replace(self.shortened(), network=replace(self.network, dropout=0.0), checkable=True)

    def order(self, epoch: int, shuffle: bool) -> Array:
        """(steps, batch) row numbers."""
        rows = np.random.default_rng(epoch).permutation(self.rows) if shuffle else np.arange(self.rows)
        return rows[: self.steps * self.network.batch].reshape(self.steps, -1)

    def batches(self, x: Array, y: Array, epoch: int, shuffle: bool) -> Iterator[tuple[Array, Array]]:
        """Of an epoch: parts of a table that is put into order first."""
        order = self.order(epoch, shuffle).ravel()
        x, y = x[order], y[order]
        for begin in range(0, len(order), self.network.batch):
            yield x[begin : begin + self.network.batch], y[begin : begin + self.network.batch]

    def expected(self, number: int, epochs: int) -> float:
        """Mean loss over the last of so many epochs in order of the model of that number, in float64."""
        step = numpy_step.make(replace(self.network, number=number, exact=True), 1)
        x, y = self.data()
        x, y = x.astype(np.float64), y if self.network.loss == "ce" else y.astype(np.float64)
        for epoch in range(epochs):
            losses = [step(*batch) for batch in self.batches(x, y, epoch, shuffle=False)]
        return float(np.mean(losses))
