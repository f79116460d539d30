"""lamella: all models by one call."""

from collections.abc import Sequence

import lamella as lm
from lamella import nn, optim
from lamella.bench.systems import lamella_step
from lamella.bench.workloads import Array
from populations import Trained
from populations.networks import Network, Task


def make(task: Task, name: str) -> Trained:
    """A population; first weights are drawn as the layers do it, but where losses are to be checked."""
    lm.set_num_threads(task.threads)
    network = task.network

    def given(number: int) -> nn.Module:
        return nn.Sequential(*_layers(network, [weight for weight, _ in task.member(number).weights()]))

    def drawn() -> nn.Module:
        return nn.Sequential(*_layers(network, [None] * len(network.layers)))

    loss = nn.CrossEntropyLoss() if network.loss == "ce" else nn.MSELoss()
    population = lm.Population(
        given if task.checkable else drawn, task.models, loss=loss, optimizer=optim.Adam, settings={"lr": 1e-4}
    )
    x, y = task.data()

    def epochs(count: int, shuffle: bool) -> Array:
        found = population.fit(x, y, epochs=count, batch_size=network.batch, shuffle=shuffle, drop_last=True)
        return found.final("loss")

    return Trained(f"{lamella_step.describe()} Population.fit", task, epochs)


def _layers(network: Network, weights: Sequence[Array | None]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for index, ((inputs, outputs), weight) in enumerate(zip(network.layers, weights, strict=True)):
        init = None if weight is None else lambda rng, shape, weight=weight: weight
        layers.append(nn.Linear(inputs, outputs, init=init))
        if index < network.hidden:
            layers.append(nn.ReLU() if network.activation == "relu" else nn.Tanh())
            layers += [nn.Dropout(network.dropout)] if network.dropout else []
    return layers
