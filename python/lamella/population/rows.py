"""Which rows each model of a population learns from, and is measured on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella._arrays import Array, contiguous, to_array
from lamella.trainer.order import epoch_rng, rows_by_class

#: Stream of random numbers, beside those of an epoch.
_BOOTSTRAP = 3

#: "shared", "bootstrap", "stratified", or row numbers for each model.
Choice = str | Sequence[Any]


def training_rows(choice: Any, n: int, seeds: Sequence[int], targets: Array, where: str) -> list[Array | None]:
    """Row numbers of each model; None: all.

    Parameters
    ----------
    choice : str or sequence
        Of ``n`` rows.
    seeds : sequence of int
        A model each.
    targets : ndarray
        As the loss takes them.
    """
    if isinstance(choice, str):
        if choice == "shared":
            return [None] * len(seeds)
        if choice == "bootstrap":
            drawn = [_bootstrap(np.arange(n), seed) for seed in seeds]
            _check_labels(drawn, targets, where)
            return list(drawn)
        if choice == "stratified":
            classes = rows_by_class(targets, f"{where} samples")
            return [
                np.concatenate([_bootstrap(rows, seed, place) for place, rows in enumerate(classes)]) for seed in seeds
            ]
        raise ValueError(
            f'[{where}] samples is {choice!r} but must be "shared", "bootstrap", "stratified" or rows for each model'
        )
    return list(row_lists("samples", choice, n, len(seeds), where))


def held_out_rows(choice: Any, n: int, trained: Sequence[Array | None], where: str) -> list[Array]:
    """Rows to be measured on: "rest", those that the model is not trained on, or given ones."""
    if not isinstance(choice, str):
        return row_lists("validation_samples", choice, n, len(trained), where)
    if choice != "rest":
        raise ValueError(f'[{where}] validation_samples is {choice!r} but must be "rest" or rows for each model')
    rest = [np.flatnonzero(~_taken(rows, n)) for rows in trained]
    for model, rows in enumerate(rest):
        if len(rows) == 0:
            raise ValueError(f'[{where}] validation_samples is "rest" but model {model} is trained on all rows')
    return rest


class Learned:
    """Which of n rows a model learned from, a bit each; ``rows`` None: all."""

    def __init__(self, rows: Array | None, n: int) -> None:
        self.n = n
        self._bits = None if rows is None else np.packbits(_taken(rows, n))

    def mask(self) -> Array:
        """(n,) bool."""
        return np.full(self.n, True) if self._bits is None else np.unpackbits(self._bits, count=self.n).astype(bool)


def _taken(rows: Array | None, n: int) -> Array:
    taken = np.full(n, rows is None)
    if rows is not None:
        taken[rows] = True
    return taken


def _bootstrap(rows: Array, seed: int, stream: int = 0) -> Array:
    drawn: Array = rows[epoch_rng(seed, stream, _BOOTSTRAP).integers(len(rows), size=len(rows))]
    return drawn.astype(np.int64)


def _check_labels(drawn: Sequence[Array], targets: Array, where: str) -> None:
    """ValueError if a class that there is has no row in some model's."""
    if targets.dtype.kind != "i":
        return
    labels = np.unique(targets[targets >= 0])
    for model, rows in enumerate(drawn):
        missing = np.setdiff1d(labels, targets[rows])
        if len(missing) > 0:
            raise ValueError(
                f'[{where}] samples is "bootstrap" but none of the rows drawn for model {model} has label {missing[0]};'
                ' "stratified" draws from each class'
            )


def row_lists(name: str, given: Any, n: int, models: int, where: str) -> list[Array]:
    """A checked list of row numbers for each model."""
    if not isinstance(given, (list, tuple, np.ndarray)):
        raise TypeError(f"[{where}] {name} is a {type(given).__name__} but must be row numbers for each model")
    if len(given) != models:
        raise ValueError(f"[{where}] {name} has rows for {len(given)} models but there are {models}")
    return [checked_rows(f"{name}[{model}]", rows, n, where) for model, rows in enumerate(given)]


def checked_rows(name: str, given: Any, n: int, where: str) -> Array:
    """Row numbers, or those that a mask marks."""
    rows = to_array(given, name, where)
    if rows.dtype.kind == "b" and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise TypeError(
            f"[{where}] {name} has shape {rows.shape} and dtype {rows.dtype} but must be a list of integers"
        )
    if len(rows) == 0:
        raise ValueError(f"[{where}] {name} is empty")
    if int(rows.min()) < 0 or int(rows.max()) >= n:
        raise ValueError(f"[{where}] {name} reaches from {rows.min()} to {rows.max()} but must be in [0, {n})")
    return contiguous(rows, np.dtype(np.int64))
