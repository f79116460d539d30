"""Trainings that go wrong, each for one reason, and what the tools of lamella.diagnosis say of them."""

import warnings
from collections import Counter

import numpy as np
from common import digits, main, spread, table
from matplotlib import pyplot as plt

import lamella as lm
from lamella import nn, optim
from lamella.diagnosis import Recorder

ROWS, BATCH, HIDDEN = 1000, 50, 128
RATE = 0.05


def network(activation=nn.ReLU, init=None, end=(), depth=2):
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(HIDDEN, HIDDEN, init=init), activation())]
    first = [nn.Linear(64, HIDDEN, init=init), activation()]
    return [*first, *hidden, nn.Linear(HIDDEN, 10), *end]


#: What is wrong: layers, learning rate.
CASES = {
    "nothing": (network, RATE),
    "rate 20 times too large": (network, 20 * RATE),
    "rate 10,000 times too small": (network, RATE / 10_000),
    "first weights normal 1, tanh": (lambda: network(nn.Tanh, nn.init.Normal(std=1.0)), RATE),
    "first weights zero": (lambda: network(init="zeros"), RATE),
    "eight layers of sigmoids": (lambda: network(nn.Sigmoid, depth=8), RATE),
    "a softmax before the loss": (lambda: network(end=[nn.Softmax()]), RATE),
}
#: Rates of the picture.
RATES = [RATE, 4 * RATE, 10 * RATE, 20 * RATE]


def train(layers, rate, seed, epochs):
    """A recorded training: (recorder, test accuracy, what the check on a few rows says)."""
    x, y, x_test, y_test = digits(seed, ROWS)
    model, loss = nn.Sequential(*layers(), seed=seed), nn.CrossEntropyLoss()
    check = lm.overfit_check(model, x, y, loss, steps=300, seed=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*leave the softmax out")  # one of the cases
        trainer = lm.Trainer(model, loss, optim.SGD(model.parameters(), lr=rate, momentum=0.9))
    recorder = Recorder()
    try:
        trainer.fit(x, y, epochs=epochs, batch_size=BATCH, callbacks=recorder)
    except lm.DivergenceError:
        return recorder, 0.1, check
    return recorder, trainer.evaluate(x_test, y_test)["accuracy"], check


def told(recorder, check):
    """Kinds of what was found, of all records and by the check, in order."""
    kinds = [finding.kind for record in recorder.records for finding in record.findings]
    return list(dict.fromkeys([*kinds, *(finding.kind for finding in check.findings[:1])]))


def largest(record, what):
    return max((getattr(layer, what) or 0.0 for layer in record.layers.values()), default=0.0)


def experiment(small):
    seeds, epochs = (range(1), 4) if small else (range(5), 20)
    rows = []
    for name, (layers, rate) in CASES.items():
        results = [train(layers, rate, seed, epochs) for seed in seeds]
        counts = Counter(kind for recorder, _, check in results for kind in told(recorder, check))
        common = [kind for kind, count in counts.items() if 2 * count > len(results)]
        updates = [recorder.records[1].parameters["0.weight"].update_ratio for recorder, *_ in results]
        sizes = [0.0 if ratio is None else ratio for ratio in updates]
        rows.append(
            [
                name,
                spread([accuracy for _, accuracy, _ in results]),
                f"{np.median(sizes):.0e}",
                f"{np.mean([largest(recorder.last, 'dead') for recorder, *_ in results]):.0%}",
                f"{np.mean([largest(recorder.last, 'saturated') for recorder, *_ in results]):.0%}",
                f"{sum(check.passed for *_, check in results)} of {len(results)}",
                ", ".join(common) or "nothing",
            ]
        )
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for rate in RATES:
        recorder = train(network, rate, 0, epochs)[0]
        course = [record.epoch + 1 for record in recorder.records]
        dead = [largest(record, "dead") for record in recorder.records]
        moved = [record.parameters["2.weight"].update_ratio for record in recorder.records]
        axes[0].plot(course, dead, marker=".", label=f"rate {rate:g}")
        axes[1].plot(course, moved, marker=".", label=f"rate {rate:g}")
    axes[0].set(xlabel="epoch", ylabel="dead units, worst layer", ylim=(-0.02, 1.02))
    axes[1].set(xlabel="epoch", ylabel="update / weight of a step", yscale="log")
    axes[1].axhline(1e-3, color="0.4", linestyle=":")
    for each in axes:
        each.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(fontsize=8, loc="center right")
    header = [
        "what is wrong",
        "test accuracy",
        "update / weight",
        "dead",
        "saturated",
        "32 rows learned",
        "what is said",
    ]
    return table(header, rows), figure


if __name__ == "__main__":
    main("diagnosis", __doc__, experiment)
