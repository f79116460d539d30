"""Regularisers on few rows, some of them mislabelled: train and test error, and what they do to the weights."""

import numpy as np
from common import digits, main, spread, table
from matplotlib import pyplot as plt

import lamella as lm
from lamella import nn, optim

ROWS, BATCH, WRONG = 300, 25, 0.15

#: Name of a row: dropout rate, options of the optimizer, of the loss, of fit.
CASES = {
    "nothing": (0.0, {}, {}, {}),
    "dropout 0.5": (0.5, {}, {}, {}),
    "L2 0.005": (0.0, {"weight_decay": 0.005}, {}, {}),
    "L1 0.001": (0.0, {"l1": 0.001}, {}, {}),
    "max-norm 1": (0.0, {"max_norm": 1.0}, {}, {}),
    "label smoothing 0.1": (0.0, {}, {"label_smoothing": 0.1}, {}),
    "mixup 0.4": (0.0, {}, {}, {"mixup": 0.4}),
    "early stopping": (0.0, {}, {}, {"patience": 10}),
    "dropout, max-norm 2": (0.5, {"max_norm": 2.0}, {}, {}),
}


def run(case, seed, epochs):
    """Errors in training and test, the share of weights near zero, and test accuracy by epoch."""
    rate, penalties, smoothing, options = case
    x, y, x_test, y_test = digits(seed, ROWS)
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(ROWS) < WRONG, rng.integers(10, size=ROWS), y)
    if "patience" in options:  # a fifth of the rows to watch, which the others train on
        watched = np.arange(len(x)) % 5 == 0
        data, options = (x[~watched], y[~watched]), {**options, "validation_data": (x[watched], y[watched])}
    else:
        data = (x, y)
    model = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Dropout(rate), nn.Linear(256, 256), nn.ReLU(), nn.Dropout(rate),
        nn.Linear(256, 10), seed=seed)  # fmt: skip
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, **penalties)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(**smoothing), optimizer)
    curve = []
    judge = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    trainer.fit(*data, epochs=epochs, batch_size=BATCH, **options,
                on_epoch=lambda *_: curve.append(judge.evaluate(x_test, y_test)["accuracy"]))  # fmt: skip
    weights = np.concatenate([p.data.ravel() for p in model.parameters() if p.data.ndim == 2])
    final = [1 - judge.evaluate(*part)["accuracy"] for part in (data, (x_test, y_test))]
    return (*final, judge.evaluate(x_test, y_test)["loss"], float((np.abs(weights) < 1e-3).mean()), curve)


def experiment(small):
    seeds, epochs = (range(2), 5) if small else (range(5), 150)
    rows = []
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, case in CASES.items():
        results = [run(case, seed, epochs) for seed in seeds]
        errors = [spread([100 * result[which] for result in results], ".2f") for which in (0, 1)]
        losses = spread([result[2] for result in results])
        rows.append([name, *errors, losses, f"{np.mean([result[3] for result in results]):.1%}"])
        shortest = min(len(result[4]) for result in results)
        axes.plot(range(1, shortest + 1), np.mean([result[4][:shortest] for result in results], axis=0), label=name)
    axes.set(xlabel="epoch", ylabel="test accuracy", ylim=(0.7, 0.97))
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    header = ["regulariser", "training error, %", "test error, %", "test loss", "weights below 0.001"]
    return table(header, rows), figure


if __name__ == "__main__":
    main("regularisation", __doc__, experiment)
