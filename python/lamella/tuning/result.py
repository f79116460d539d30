"""What a search found."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn.module import Module
from lamella.trainer.early_stopping import larger_is_better
from lamella.trainer.history import History
from lamella.tuning import picture
from lamella.tuning.draw import Settings, flat
from lamella.tuning.space import Distribution
from lamella.tuning.trial import Trial, ranked

#: Columns of the table beside settings.
COLUMNS = ("trial", "score", "score_std", "epochs", "state")

_SHOWN = 10


class SearchResult:
    """What :func:`lamella.search` found: its trials, the best of them, a table and pictures.

    Attributes
    ----------
    trials : list of Trial
        In the order of their numbers: ``settings``, ``score`` (the mean over folds), ``score_std``, ``scores``,
        ``epochs``, ``state``, ``reason``, ``seed``, ``histories``, ``models``.
    monitor : str
        What scores are.
    refitted : Module or None
        With ``refit=True``: the best trial's model, trained on all rows.
    refit_history : History or None
        Of that training.
    """

    def __init__(self, trials: list[Trial], monitor: str, columns: Mapping[str, Distribution]) -> None:
        self.trials, self.monitor = trials, monitor
        self.refitted: Module | None = None
        self.refit_history: History | None = None
        self._columns = dict(columns)

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __getitem__(self, number: int) -> Trial:
        return self.trials[number]

    @property
    def _falls(self) -> bool:
        return not larger_is_better(self.monitor)

    @property
    def ranking(self) -> list[Trial]:
        """Trials, best first: those trained to the end, then those dropped later before those dropped earlier."""
        return ranked(self.trials, self._falls)

    @property
    def best_trial(self) -> Trial:
        """The first of the ranking; ValueError if no trial has a score."""
        best = self.ranking[0]
        if best.out:
            raise ValueError("[SearchResult] no trial has a score")
        return best

    @property
    def best_settings(self) -> Settings:
        """Of the best trial."""
        return dict(self.best_trial.settings)

    @property
    def best_score(self) -> float:
        """Of the best trial."""
        return self.best_trial.score

    @property
    def model(self) -> Module:
        """The refitted model; or without, and without cross-validation, the best trial's own.

        Raises
        ------
        ValueError
            If there is none: after cross-validation each trial has a model a fold, ``best_trial.models``.
        """
        if self.refitted is not None:
            return self.refitted
        models = self.best_trial.models
        if len(models) != 1:
            raise ValueError(
                "[SearchResult] there is no one best model: search with refit=True"
                + (", or take best_trial.models, one a fold" if models else "")
            )
        return models[0]

    @property
    def scores(self) -> Array:
        """(trials,) in the order of their numbers; NaN where there is none."""
        return np.array([trial.score for trial in self.trials], np.float64)

    @property
    def epochs(self) -> int:
        """Of all models of all trials together."""
        return sum(history.epochs for trial in self.trials for history in trial.histories)

    @property
    def table(self) -> dict[str, list[Any]]:
        """Columns of a table, a row a trial: "trial", the settings, "score", "score_std", "epochs", "state"."""
        names = dict.fromkeys(name for trial in self.trials for name in trial.settings)
        settings = {name: [trial.settings.get(name) for trial in self.trials] for name in names}
        first, *others = COLUMNS
        return {
            first: [trial.number for trial in self.trials],
            **settings,
            **{name: [getattr(trial, name) for trial in self.trials] for name in others},
        }

    def to_pandas(self) -> Any:
        """The table as a DataFrame; ImportError if pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "[SearchResult.to_pandas] this needs pandas, which is not installed: pip install pandas"
            ) from error
        return pandas.DataFrame(self.table).set_index("trial")

    def plot(self) -> Any:
        """Score against each setting, a panel each: which matter, and where the best values lie.

        Returns
        -------
        matplotlib Figure
            Shows itself in a notebook; ``.savefig(path)`` writes it.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return picture.panels(self._points(), self._columns, self.monitor)

    def plot_parallel(self) -> Any:
        """Parallel coordinates: a line a trial over an axis a setting and one for the score, the best drawn darkest.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return picture.parallel(self._points(), self._columns, self.monitor)

    def _points(self) -> picture.Points:
        if not self._columns:
            raise ValueError("[SearchResult] no setting differs between the trials: there is nothing to draw")
        return picture.Points(
            [flat(trial.settings) for trial in self.trials],
            self.scores,
            np.array([trial.state == "finished" for trial in self.trials]),
            self._falls,
        )

    def best_rows(self, most: int) -> tuple[list[str], list[list[str]]]:
        """Names of the columns and cells of a table of the best trials.

        Parameters
        ----------
        most : int
            Trials, at most.
        """
        rows = [_cells(trial, list(self._columns)) for trial in self.ranking[:most]]
        return ["trial", *self._columns, "score", "std", "epochs", "state"], rows

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.search_result(self)

    def __repr__(self) -> str:
        states = [trial.state for trial in self.trials]
        counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        lines = [f"SearchResult({len(self)} trials: {counted}; {self.epochs} epochs; score: {self.monitor})"]
        heads, rows = self.best_rows(_SHOWN)
        widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
        lines += [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *rows]
        ]
        if len(self) > _SHOWN:
            lines.append(f"... and {len(self) - _SHOWN} more, best first")
        return "\n".join(lines)


def _cells(trial: Trial, names: list[str]) -> list[str]:
    settings = flat(trial.settings)
    values = [settings.get(name) for name in names]
    return [str(trial.number), *map(_text, [*values, trial.score, trial.score_std]), str(trial.epochs), trial.state]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(getattr(value, "__name__", value))[:24]
