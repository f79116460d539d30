"""A rare class: class weights and balanced sampling beside nothing."""

import numpy as np
from common import main, spread, table
from matplotlib import pyplot as plt
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

import lamella as lm
from lamella import nn, optim

RARE = 0.03


def data(seed):
    features, labels = make_classification(
        6000, 20, n_informative=8, n_redundant=4, weights=[1 - RARE], flip_y=0.01, class_sep=0.8, random_state=seed
    )
    features = features.astype(np.float32)
    return train_test_split(features, labels, test_size=0.5, stratify=labels, random_state=seed)


def run(how, seed, epochs):
    """Recall of the rare class, its precision, and accuracy over both."""
    x, x_test, y, y_test = data(seed)
    counts = np.bincount(y)
    weights = len(y) / (2 * counts) if how == "class weights" else None
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2), seed=seed)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(weight=weights), optim.Adam(model.parameters(), lr=3e-3))
    trainer.fit(x, y, epochs=epochs, batch_size=64, sampling="balanced" if how == "balanced sampling" else None)
    found = trainer.loss.decide(trainer.predict(x_test))
    hits = ((found == 1) & (y_test == 1)).sum()
    recalls = [(found[y_test == label] == label).mean() for label in (0, 1)]
    return recalls[1], hits / max((found == 1).sum(), 1), np.mean(recalls), (found == y_test).mean()


def experiment(small):
    seeds, epochs = (range(2), 3) if small else (range(5), 30)
    rows, means = [], {}
    for how in ("nothing", "class weights", "balanced sampling"):
        results = np.array([run(how, seed, epochs) for seed in seeds])
        means[how] = results.mean(axis=0)
        rows.append([how, *(spread(column) for column in results.T)])
    names = ["recall of the rare class", "its precision", "balanced accuracy", "accuracy"]
    figure, axes = plt.subplots(figsize=(7, 3))
    for number, (how, values) in enumerate(means.items()):
        axes.bar(np.arange(4) + 0.27 * (number - 1), values, 0.25, label=how)
    axes.set_xticks(range(4), names, fontsize=8)
    axes.legend(fontsize=8, loc="lower right")
    return table(["", *names], rows), figure


if __name__ == "__main__":
    main("imbalance", __doc__, experiment)
