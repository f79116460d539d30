"""The same 256 configurations, each cross-validated, by lamella and by scikit-learn: time, and what was found."""

import time
import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from common import digits, main, spread, table
from matplotlib import pyplot as plt
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import lamella as lm
from lamella import nn, optim
from lamella.bench.report import cores

ROWS = 1437

SPACE = {
    "hidden": [(32,), (64,), (128,), (64, 32), (128, 64)],
    "lr": lm.space.LogUniform(1e-4, 1e-1),
    "weight_decay": lm.space.LogUniform(1e-6, 1e-2),
    "batch_size": [16, 32, 64, 128],
}


@dataclass
class Found:
    """Of one search: its configurations' scores, when each was known, and what became of the best."""

    seconds: float
    settings: list
    scores: np.ndarray
    known: np.ndarray
    best: float
    test: float


def network(hidden):
    widths = [64, *hidden]
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


def by_lamella(data, n, epochs, folds, seed, halving=None):
    x, y, x_test, y_test = data
    known = np.full(n, np.nan)
    begin = time.perf_counter()

    def note(trial):
        known[trial.number] = time.perf_counter() - begin

    found = lm.search(
        network, SPACE, x, y, n=n, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam, epochs=epochs, cv=folds,
        monitor="val_accuracy", halving=halving, seed=seed, refit=True, on_trial=note)  # fmt: skip
    seconds = time.perf_counter() - begin
    test = float((found.model.predict(x_test).argmax(axis=1) == y_test).mean())
    settings = [trial.settings for trial in found.trials]
    return Found(seconds, settings, found.scores, known, found.best_score, test)


def by_sklearn(data, settings, epochs, folds, seed):
    x, y, x_test, y_test = data
    candidates = [{
        "hidden_layer_sizes": [each["hidden"]],
        "learning_rate_init": [each["lr"]],
        "alpha": [each["weight_decay"] * each["batch_size"]],  # which is divided by the batch's rows there
        "batch_size": [each["batch_size"]],
    } for each in settings]  # fmt: skip
    model = MLPClassifier(max_iter=epochs, n_iter_no_change=epochs, random_state=seed)
    searching = RandomizedSearchCV(model, candidates, n_iter=len(settings), cv=folds, n_jobs=cores(), random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for all epochs have been used up
        begin = time.perf_counter()
        searching.fit(x, y)
        seconds = time.perf_counter() - begin
    results = searching.cv_results_
    took = np.cumsum(results["mean_fit_time"] + results["mean_score_time"])
    known = took / took[-1] * (seconds - searching.refit_time_)
    best, test = searching.best_score_, searching.score(x_test, y_test)
    return Found(seconds, settings, results["mean_test_score"], known, best, test)


def run(seed, n, epochs, folds):
    """What each search finds, by its name."""
    x, y, x_test, y_test = digits(seed, ROWS)
    scaler = StandardScaler().fit(x)
    data = scaler.transform(x), y, scaler.transform(x_test), y_test
    split = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y))
    ours = by_lamella(data, n, epochs, split, seed)
    return {
        "lm.search": ours,
        "lm.search, halving": by_lamella(data, n, epochs, split, seed, lm.Halving()),
        "RandomizedSearchCV": by_sklearn(data, ours.settings, epochs, split, seed),
    }


def experiment(small):
    seeds, n, epochs, folds = (range(2), 6, 4, 3) if small else (range(3), 256, 20, 5)
    results = [run(seed, n, epochs, folds) for seed in seeds]
    rows = []
    figure, (by_time, by_rank) = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for number, name in enumerate(results[0]):
        found = [result[name] for result in results]
        slower = [result[name].seconds / result["lm.search"].seconds for result in results]
        median = [np.nanmedian(each.scores) for each in found] if "halving" not in name else None
        rows.append([
            name,
            spread([each.seconds for each in found], ".1f"),
            spread(slower, ".2f"),
            "-" if median is None else spread(median),
            spread([each.best for each in found]),
            spread([each.test for each in found]),
        ])  # fmt: skip
        first = found[0]
        order = np.argsort(first.known)
        style = {"label": name, "color": f"C{number}"}
        by_time.step(first.known[order], np.fmax.accumulate(first.scores[order]), where="post", **style)
        if median is not None:
            by_rank.plot(np.arange(1, n + 1), np.sort(first.scores)[::-1], **style)
    lowest = max(0.0, min(1.0, np.nanmin([np.nanmax(found.scores) for found in results[0].values()])) - 0.1)
    by_time.set(xlabel="seconds", ylabel="cross-validated accuracy", xscale="log", ylim=(lowest, 1.0))
    by_time.set_title("best so far", fontsize=10)
    by_rank.set(xlabel="rank")
    by_rank.set_title("of each configuration, best first", fontsize=10)
    by_time.legend(fontsize=8, loc="lower right")
    header = [
        "search", f"seconds on {cores()} cores", "times as long", "median accuracy of configurations",
        "accuracy of the best", "its test accuracy",
    ]  # fmt: skip
    return table(header, rows), figure


if __name__ == "__main__":
    main("search", __doc__, experiment)
