"""What the trainings of a population saw."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.trainer.early_stopping import larger_is_better
from lamella.trainer.history import History


@dataclass
class PopulationHistory:
    """What :meth:`Population.fit` saw: ``history["val_loss"]`` is (models, epochs), NaN where a model was not trained.

    Attributes
    ----------
    histories : list of History
        Each model's own.
    diverged : dict of int to str
        Models whose loss became NaN or infinite, and what was said of it.
    models : list of int
        The number of each row's model.
    """

    histories: list[History]
    diverged: dict[int, str] = field(default_factory=dict)
    models: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.models = self.models or list(range(len(self.histories)))

    @property
    def epochs(self) -> int:
        """Of the model that was trained longest."""
        return max((history.epochs for history in self.histories), default=0)

    def keys(self) -> list[str]:
        """What is noted of an epoch."""
        return list(dict.fromkeys(key for history in self.histories for key in history))

    def __getitem__(self, key: str) -> Array:
        """(models, epochs) float64 of one quantity."""
        if key not in self.keys():
            raise KeyError(f"[PopulationHistory] there is no {key!r} among {', '.join(self.keys())}")
        table = np.full((len(self.histories), self.epochs), np.nan)
        for row, history in zip(table, self.histories, strict=True):
            values = history.get(key, [])
            row[: len(values)] = values
        return table

    def __contains__(self, key: Any) -> bool:
        return key in self.keys()

    @property
    def best_epoch(self) -> Array:
        """(models,) with patience: the epoch whose monitor was best; -1 where there is none."""
        return np.array([-1 if h.best_epoch is None else h.best_epoch for h in self.histories])

    @property
    def stopped(self) -> list[str | None]:
        """Why each ended before its last epoch, see :class:`lamella.History`."""
        return [history.stopped for history in self.histories]

    def final(self, key: str) -> Array:
        """What each model came to.

        Parameters
        ----------
        key : str
            A quantity of the history.

        Returns
        -------
        ndarray, (models,)
            At the best epoch if there is one, else at the last; NaN if it was not noted.
        """
        return final(self.histories, key)

    def __repr__(self) -> str:
        text = ", ".join(f"{key}={_span(self.final(key))}" for key in self.keys() if key not in ("seconds", "lr"))
        count = len(self.histories)
        lost = f"; {len(self.diverged)} diverged" if self.diverged else ""
        return f"PopulationHistory({count} models, {self.epochs} epochs{'; ' + text if text else ''}{lost})"

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.population_history(self)


def _span(values: Array) -> str:
    known = values[np.isfinite(values)]
    return f"{known.min():.4g}..{known.max():.4g}" if len(known) else "nan"


def final(histories: Sequence[History], key: str) -> Array:
    """See :meth:`PopulationHistory.final`."""
    values = []
    for history in histories:
        epochs = history.get(key, [])
        at = -1 if history.best_epoch is None else history.best_epoch
        values.append(epochs[at] if epochs else np.nan)
    return np.array(values, np.float64)


def order(values: Array, key: str) -> Array:
    """Numbers of the models, best first; those without a value last."""
    falling = -values if larger_is_better(key) else values
    ranked: Array = np.argsort(np.where(np.isnan(falling), np.inf, falling), kind="stable")
    return ranked
