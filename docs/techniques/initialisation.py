"""What first weights do to a deep network: activations by depth, and what it learns."""

import itertools

import numpy as np
from common import digits, main, spread, table
from matplotlib import pyplot as plt

import lamella as lm
from lamella import nn, optim

WIDTH, DEPTH, ROWS, BATCH = 100, 10, 1000, 50

#: Name of a row: first weights, activation.
CASES = {
    "zeros, ReLU": ("zeros", nn.ReLU),
    "constant 0.02, ReLU": (nn.init.Constant(0.02), nn.ReLU),
    "normal 0.01, ReLU": (nn.init.Normal(std=0.01), nn.ReLU),
    "normal 1, tanh": (nn.init.Normal(std=1.0), nn.Tanh),
    "Glorot uniform, tanh": ("glorot_uniform", nn.Tanh),
    "Glorot uniform, ReLU": ("glorot_uniform", nn.ReLU),
    "He normal, ReLU": ("he_normal", nn.ReLU),
    "orthogonal, tanh": (nn.init.Orthogonal(), nn.Tanh),
    "LeCun normal, SELU": ("lecun_normal", nn.SELU),
}


def network(init, activation, seed):
    widths = [64, *[WIDTH] * DEPTH]
    hidden = [
        layer
        for before, after in itertools.pairwise(widths)
        for layer in (nn.Linear(before, after, init=init), activation())
    ]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, 10, init=init), seed=seed)


def deviations(model, x):
    """Standard deviation of each hidden layer's activations, at first weights."""
    return [float(model[: 2 * depth].predict(x).std()) for depth in range(1, DEPTH + 1)]


def saturated(model, x):
    """Share of tanh units beyond 0.99 in the last hidden layer."""
    return float((np.abs(model[: 2 * DEPTH].predict(x)) > 0.99).mean())


def experiment(small):
    seeds, epochs = (range(2), 3) if small else (range(5), 20)
    rows, by_depth = [], {}
    for name, (init, activation) in CASES.items():
        results = []
        for seed in seeds:
            x, y, x_test, y_test = digits(seed, ROWS)
            model = network(init, activation, seed)
            spreads = deviations(model, x)
            beyond = saturated(model, x) if activation is nn.Tanh else 0.0
            trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.02, momentum=0.9))
            try:
                trainer.fit(x, y, epochs=epochs, batch_size=BATCH)
                accuracy = trainer.evaluate(x_test, y_test)["accuracy"]
            except lm.DivergenceError:
                accuracy = float("nan")
            results.append((spreads, beyond, accuracy))
        by_depth[name] = np.mean([result[0] for result in results], axis=0)
        rows.append(
            [
                name,
                f"{by_depth[name][0]:.2g}",
                f"{by_depth[name][-1]:.2g}",
                f"{np.mean([result[1] for result in results]):.0%}" if activation is nn.Tanh else "",
                spread([result[2] for result in results]),
            ]
        )
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, values in by_depth.items():
        axes.plot(range(1, DEPTH + 1), np.maximum(values, 1e-12), marker=".", label=name)
    axes.set(yscale="log", xlabel="hidden layer", ylabel="deviation of activations", ylim=(1e-12, 10))
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    header = ["first weights, activation", "deviation, layer 1", f"layer {DEPTH}", "saturated", "test accuracy"]
    return table(header, rows), figure


if __name__ == "__main__":
    main("initialisation", __doc__, experiment)
