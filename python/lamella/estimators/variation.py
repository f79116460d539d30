"""What each model of a population has of its own: settings, and rows."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.population.rows import row_lists, training_rows
from lamella.tuning.space import Distribution

#: Names of row choices.
_CHOICES = ("shared", "bootstrap", "stratified")


def varied(where: str, settings: Any, models: int, random_state: Any) -> list[dict[str, Any]]:
    """Arguments of each model.

    Parameters
    ----------
    settings : mapping or None
        By argument: a list or array, of which models take values in turns; a distribution (of scipy.stats, or of
        lamella.space), from which each model draws one; anything else all models have.
    models : int
    random_state : RandomState
        For what is drawn.
    """
    if settings is None:
        return [{} for _ in range(models)]
    if not isinstance(settings, Mapping):
        raise TypeError(f"[{where}] settings is {settings!r:.80} but must be a mapping of arguments to values")
    columns = {name: _column(where, name, settings[name], models, random_state) for name in sorted(settings)}
    return [{name: values[model] for name, values in columns.items()} for model in range(models)]


def _column(where: str, name: str, values: Any, models: int, random_state: Any) -> list[Any]:
    if isinstance(values, Distribution):
        return [values.at(place) for place in random_state.random_sample(models)]
    if hasattr(values, "rvs"):
        return [_plain(values.rvs(random_state=random_state)) for _ in range(models)]
    if isinstance(values, (range, Iterator)) or (isinstance(values, np.ndarray) and values.ndim > 0):
        values = list(values)
    if not isinstance(values, list):
        return [values] * models
    if not values:
        raise ValueError(f"[{where}] settings[{name!r}] is an empty list")
    return [_plain(values[model % len(values)]) for model in range(models)]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def check_samples(where: str, samples: Any, rows: int, models: int) -> list[Array] | None:
    """Row numbers of each model if they are given, None if they are to be drawn; or an error."""
    if isinstance(samples, str):
        if samples not in _CHOICES:
            raise ValueError(
                f"[{where}] samples is {samples!r} but must be one of {', '.join(_CHOICES)}, or rows a model"
            )
        return None
    return row_lists("samples", samples, rows, models, where)


def drawn(where: str, samples: str, targets: Array, seed: int) -> Array:
    """Places of rows with these targets that a model of that seed learns from."""
    n = len(targets)
    labels = targets if samples == "stratified" else np.zeros(n)  # a bootstrap may lack a class
    rows = training_rows(samples, n, [seed], labels, where)[0]
    return np.arange(n) if rows is None else rows
