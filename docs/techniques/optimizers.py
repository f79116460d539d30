"""Optimizers and schedules on the same network: loss by step and by time."""

import numpy as np
from common import main, spread, table
from matplotlib import pyplot as plt
from sklearn.datasets import make_hastie_10_2

import lamella as lm
from lamella import nn, optim

ROWS, BATCH = 4000, 100

#: Name of a row: optimizer, its options, schedule.
CASES = {
    "SGD": (optim.SGD, {"lr": 0.3}, None),
    "momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}, None),
    "Nesterov": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, None),
    "Adagrad": (optim.Adagrad, {"lr": 0.03}, None),
    "Adadelta": (optim.Adadelta, {"lr": 1.0}, None),
    "RMSprop": (optim.RMSprop, {"lr": 0.002}, None),
    "Adam": (optim.Adam, {"lr": 0.003}, None),
    "AdamW": (optim.AdamW, {"lr": 0.003}, None),
    "NAdam": (optim.NAdam, {"lr": 0.003}, None),
    "RAdam": (optim.RAdam, {"lr": 0.003}, None),
    "Adamax": (optim.Adamax, {"lr": 0.005}, None),
    "Lion": (optim.Lion, {"lr": 0.0005}, None),
    "LAMB": (optim.LAMB, {"lr": 0.01}, None),
    "Adafactor": (optim.Adafactor, {"lr": 0.1}, None),
    "Muon": (optim.Muon, {"lr": 0.005, "weight_decay": 0.0}, None),
    "schedule-free AdamW": (optim.ScheduleFreeAdamW, {"lr": 0.01}, None),
    "Adam, cosine": (optim.Adam, {"lr": 0.006}, lambda o, steps: optim.CosineAnnealingLR(o, T_max=steps)),
    "Adam, one cycle": (optim.Adam, {"lr": 0.01}, lambda o, steps: optim.OneCycleLR(o, 0.01, total_steps=steps)),
    "Adam, halved": (optim.Adam, {"lr": 0.006}, lambda o, steps: optim.StepLR(o, max(steps // 5, 1), gamma=0.5)),
}


def run(case, seed, epochs):
    """Training losses by epoch, seconds by epoch, test accuracy."""
    kind, options, schedule = case
    features, labels = make_hastie_10_2(2 * ROWS, random_state=seed)
    features, labels = features.astype(np.float32), (labels > 0).astype(int)
    model = nn.Sequential(
        nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2), seed=seed)  # fmt: skip
    optimizer = kind(model.parameters(), **options)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    planned = {"schedule": schedule(optimizer, epochs * ROWS // BATCH), "unit": "step"} if schedule else {}
    trainer.fit(features[:ROWS], labels[:ROWS], epochs=epochs, batch_size=BATCH, **planned)
    accuracy = trainer.evaluate(features[ROWS:], labels[ROWS:])["accuracy"]
    return trainer.history["loss"], trainer.history["seconds"], accuracy


def experiment(small):
    seeds, epochs = (range(2), 2) if small else (range(5), 30)
    rows = []
    figure, (by_step, by_time) = plt.subplots(1, 2, figsize=(10, 5), sharey=True)
    for number, (name, case) in enumerate(CASES.items()):
        results = [run(case, seed, epochs) for seed in seeds]
        losses = np.mean([result[0] for result in results], axis=0)
        seconds = np.cumsum(np.median([result[1] for result in results], axis=0))
        steps = ROWS // BATCH * np.arange(1, epochs + 1)
        below = [next((i for i, loss in enumerate(r[0]) if loss < 0.2), epochs) for r in results]
        reached = spread([(b + 1) * ROWS // BATCH for b in below], ".0f") if max(below) < epochs else "not reached"
        rows.append([name, reached, f"{losses[-1]:.3f}", spread([result[2] for result in results])])
        style = {"label": name, "linestyle": "-" if number < 10 else "--", "color": f"C{number % 10}"}
        by_step.plot(steps, losses, **style)
        by_time.plot(1000 * seconds, losses, **style)
    by_step.set(xlabel="step", ylabel="training loss", yscale="log")
    by_time.set(xlabel="milliseconds", xscale="log")
    by_time.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    header = ["optimizer, schedule", "steps to a loss of 0.2", "last training loss", "test accuracy"]
    return table(header, rows), figure


if __name__ == "__main__":
    main("optimizers", __doc__, experiment)
