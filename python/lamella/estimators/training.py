"""One call of fit or partial_fit: which rows, what is watched, when it ends, and what is noted."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from lamella._arrays import Array
from lamella.estimators.learner import Learner
from lamella.estimators.schedule import Adaptive, inverse_scale, make_schedule
from lamella.trainer import DivergenceError, History
from lamella.trainer.early_stopping import larger_is_better
from lamella.trainer.options import Options
from lamella.trainer.samples import Samples
from lamella.trainer.training import Training

_MANY = 2**62


class Watch:
    """What decides when a training ends, and how it reads as scikit-learn's score.

    Parameters
    ----------
    learner : Learner
    held_out : Samples or None
    by_score : bool
        Whether early stopping looks at the score rather than at the loss of the held-out rows.
    """

    def __init__(self, learner: Learner, held_out: Samples | None, by_score: bool) -> None:
        name = learner.loss.score_name
        self._spread = 1.0
        self.held_key = "val_loss"
        if held_out is not None and by_score and name in ("accuracy", "mse"):
            self.held_key = f"val_{name}"
            if name == "mse":
                self._spread = _spread(held_out)

    def scores(self, history: History) -> list[float]:
        """The held-out rows' by epoch, the larger the better: accuracy, R^2, or the negative loss."""
        values = history.get(self.held_key, [])
        if self.held_key == "val_mse":
            return [1 - value / self._spread for value in values]
        return list(values) if larger_is_better(self.held_key) else [-value for value in values]

    def tolerance(self, tol: float) -> float:
        """A score's tol, in the units of what is monitored."""
        return tol * self._spread


def _spread(samples: Samples) -> float:
    """The mean squared distance of targets from their means."""
    own = samples.taken()
    target = own.target.astype(np.float64)
    mean = np.average(target, axis=0, weights=own.weight)
    spread = float(np.average((target - mean) ** 2, axis=0, weights=own.weight).mean())
    return spread if spread > 0 else 1.0


class Lines:
    """Prints what scikit-learn prints after each epoch."""

    def __init__(self, watch: Watch, held: bool) -> None:
        self._watch, self._held = watch, held

    def __call__(self, epoch: int, record: dict[str, float]) -> None:
        """Loss, and the held-out score."""
        print(f"Iteration {epoch + 1}, loss = {record['objective']:.8f}")  # noqa: T201 - it is asked for
        if self._held:
            score = self._watch.scores(History({key: [value] for key, value in record.items()}))[-1]
            print(f"Validation score: {score:f}")  # noqa: T201


def train(
    where: str, estimator: Any, learner: Learner, samples: Samples, held_out: Samples | None, epochs: int, stops: bool
) -> None:
    """Train, and note what scikit-learn's estimators note.

    Parameters
    ----------
    epochs : int
        At most.
    stops : bool
        Whether it may end before that; if not, nothing is said about convergence either.

    Raises
    ------
    ValueError
        If the loss is no longer finite.
    """
    trainer, size = learner.trainer, len(samples)
    watch = Watch(learner, held_out, estimator.monitor == "score")
    watches_held = estimator.early_stopping and held_out is not None
    monitor = watch.held_key if watches_held else "objective"
    tol = watch.tolerance(estimator.tol) if watches_held else float(estimator.tol)
    if estimator.learning_rate == "invscaling" and not stops:  # an epoch by itself has no schedule of its own
        trainer.optimizer.lr = estimator.learning_rate_init * inverse_scale(estimator.t_, estimator.power_t)
        schedule = None
    else:
        rises = larger_is_better(monitor)
        schedule = learner.schedule(lambda optimizer: make_schedule(estimator, optimizer, size, rises, tol))
    patience = None
    if stops:
        forever = estimator.n_iter_no_change == float("inf") or isinstance(schedule, Adaptive)
        patience = _MANY if forever else int(estimator.n_iter_no_change) + 1
    callbacks = _callbacks(estimator, schedule, watch, held_out is not None)

    def on_epoch(epoch: int, record: dict[str, float]) -> bool:
        return max([bool(callback(epoch, record)) for callback in callbacks])

    options = Options(
        where=where,
        epochs=epochs,
        batch_size=batch_size(where, estimator.batch_size, size),
        shuffle=estimator.shuffle,
        on_epoch=on_epoch if callbacks else None,
        schedule=schedule,
        monitor=monitor,
        patience=patience,
        min_delta=tol,
        small_gains=True,
        restore_best=watches_held and estimator.restore_best,
    )
    training = Training(trainer, samples, held_out, options)
    try:
        training.run()
    except KeyboardInterrupt:
        warnings.warn(f"[{where}] Training interrupted by user.", stacklevel=4)
        training.finish()
    except DivergenceError as error:
        raise ValueError(f"{error}. Solver produced non-finite parameter weights.") from error
    _note(estimator, watch, training.history, size, watches_held)
    if stops and training.history.stopped is None and training.history.epochs == epochs:
        message = f"[{where}] {epochs} iterations (max_iter) are over and the training has not converged yet"
        warnings.warn(message, ConvergenceWarning, stacklevel=4)


def batch_size(where: str, given: Any, rows: int) -> int:
    """Rows of a batch."""
    if given == "auto":
        return min(200, rows)
    if given > rows:
        warnings.warn(f"[{where}] batch_size is {given} but there are {rows} rows: it is cut to that", stacklevel=5)
    return min(int(given), rows)


def _callbacks(estimator: Any, schedule: Any, watch: Watch, held: bool) -> list[Any]:
    given = estimator.callbacks
    found = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    if estimator.verbose:
        found.insert(0, Lines(watch, held))
    if isinstance(schedule, Adaptive):
        found.append(lambda epoch, record: schedule.ended)
    return found


def _note(estimator: Any, watch: Watch, history: History, size: int, watches_held: bool) -> None:
    """What a fit leaves in an estimator."""
    curve = history.get("objective") or [
        loss + penalty
        for loss, penalty in zip(history.get("loss", []), history.get("penalty", [0.0] * history.epochs), strict=True)
    ]
    estimator.history_ = history
    estimator.n_iter_ = history.epochs
    estimator.t_ += history.epochs * size
    estimator.loss_curve_ = estimator.loss_curve_ + curve
    if curve:
        estimator.loss_ = curve[-1]
    scores = watch.scores(history)
    if scores:
        estimator.validation_scores_ = (estimator.validation_scores_ or []) + scores
    if watches_held:
        estimator.best_validation_score_ = _best(max, estimator.best_validation_score_, scores)
        estimator.best_loss_ = None
    else:
        estimator.best_loss_ = _best(min, estimator.best_loss_, curve)


def _best(choose: Any, before: float | None, values: list[float]) -> float | None:
    known = [value for value in ([] if before is None else [before]) + values if not np.isnan(value)]
    return choose(known) if known else before


def split(where: str, rows: int, fraction: float, random_state: Any, stratify: Array | None) -> tuple[Array, Array]:
    """Row numbers to train on and to hold out."""
    from sklearn.model_selection import train_test_split

    kept, held = train_test_split(np.arange(rows), test_size=fraction, random_state=random_state, stratify=stratify)
    if len(held) < 2:
        raise ValueError(
            f"[{where}] The validation set is too small ({len(held)} rows of {rows}): increase validation_fraction"
        )
    return np.sort(kept), np.sort(held)
