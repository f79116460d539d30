"""Batch normalization: steps to a target loss at several rates; which statistics to use at test time."""

import numpy as np
from common import digits, main, spread, table
from matplotlib import pyplot as plt

import lamella as lm
from lamella import nn, optim

ROWS, BATCH, TARGET = 1000, 50, 0.1


def network(norm, seed):
    layers = []
    for before, after in ((64, 100), (100, 100), (100, 100)):
        layers += [nn.Linear(before, after, bias=not norm), *([nn.BatchNorm1d(after)] if norm else []), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(100, 10), seed=seed)


def steps_to_target(norm, rate, seed, epochs):
    """Steps until an epoch's mean loss is below the target (infinite: never), and the losses."""
    x, y, _, _ = digits(seed, ROWS)
    model = network(norm, seed)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=rate))
    try:
        trainer.fit(x, y, epochs=epochs, batch_size=BATCH, on_epoch=lambda _, record: record["loss"] < TARGET)
    except lm.DivergenceError:
        return float("inf"), trainer.history["loss"]
    losses = trainer.history["loss"]
    return (len(losses) * ROWS // BATCH if losses[-1] < TARGET else float("inf")), losses


def test_statistics(seed, epochs):
    """Test losses of a network trained for short, by the statistics that it normalises with: running, exact."""
    x, y, x_test, y_test = digits(seed, ROWS)
    model = network(True, seed)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.3))
    trainer.fit(x, y, epochs=epochs, batch_size=BATCH)
    running = trainer.evaluate(x_test, y_test)
    nn.exact_batchnorm_statistics(model, x)
    exact = trainer.evaluate(x_test, y_test)
    return running, exact


def experiment(small):
    seeds, epochs, rates = (range(2), 5, [0.3, 3.0]) if small else (range(5), 100, [0.03, 0.1, 0.3, 1.0, 3.0])
    rows, curves = [], {}
    for rate in rates:
        row = [f"{rate:g}"]
        for norm in (False, True):
            results = [steps_to_target(norm, rate, seed, epochs) for seed in seeds]
            steps = [result[0] for result in results]
            row.append(spread(steps, ".0f") if np.isfinite(steps).all() else f"not in {epochs * ROWS // BATCH}")
            curves[rate, norm] = results[0][1]
        rows.append(row)
    first = table(["rate", "steps without batch norm", "with it"], rows)

    rows = []
    for short in [1] if small else [1, 2, 5, 20]:
        results = [test_statistics(seed, short) for seed in seeds]
        rows.append(
            [str(short)]
            + [spread([result[which]["loss"] for result in results]) for which in (0, 1)]
            + [spread([result[which]["accuracy"] for result in results]) for which in (0, 1)]
        )
    header = ["epochs", "test loss, running averages", "exact", "test accuracy, running averages", "exact"]
    second = table(header, rows)

    figure, axes = plt.subplots(figsize=(7, 4))
    for (rate, norm), losses in curves.items():
        steps = np.arange(1, len(losses) + 1) * ROWS // BATCH
        axes.plot(steps, losses, "-" if norm else "--", color=f"C{rates.index(rate)}",
                  label=f"rate {rate:g}{', batch norm' if norm else ''}")  # fmt: skip
    axes.axhline(TARGET, color="black", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="step", ylabel="training loss")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    return first + "\n\n" + second, figure


if __name__ == "__main__":
    main("batchnorm", __doc__, experiment)
