"""One call of fit or partial_fit: what ends it, and what it leaves in the estimator."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from lamella.callbacks import Callback, EarlyStopping, Run
from lamella.callbacks.callback import callbacks_of
from lamella.estimators.learner import Learner
from lamella.estimators.rows import Rows
from lamella.estimators.schedule import Adaptive, StopWhenEnded, inverse_scale, make_schedule
from lamella.estimators.watch import Lines, Watch
from lamella.optim.schedule import LRScheduler
from lamella.trainer import DivergenceError, History


def train(where: str, estimator: Any, learner: Learner, rows: Rows, held_out: Rows | None, incremental: bool) -> None:
    """Train, and note what scikit-learn's estimators note.

    Parameters
    ----------
    incremental : bool
        One epoch, whatever it gives; or up to max_iter of them, until there is convergence.

    Raises
    ------
    ValueError
        If the loss is no longer finite.
    """
    size, epochs = len(rows), 1 if incremental else estimator.max_iter
    watch = Watch(estimator, learner, held_out)
    schedule = _schedule(estimator, learner, watch, size, incremental)
    callbacks = callbacks_of(estimator.callbacks, None, type(estimator).__name__)
    own = any(isinstance(callback, EarlyStopping) for callback in callbacks)
    if not incremental and not own:
        callbacks.append(watch.early_stopping(forever=isinstance(schedule, Adaptive)))
    kept = Kept()
    try:
        learner.trainer.fit(
            rows.X,
            rows.target,
            epochs,
            batch_size(where, estimator.batch_size, size),
            None if held_out is None else held_out.parts(),
            estimator.shuffle,
            sample_weight=rows.weight,
            callbacks=[kept, *_telling(estimator, watch), *callbacks, *_ending(schedule)],
            schedule=schedule,
            monitor=watch.key,
        )
    except KeyboardInterrupt:
        kept.history.stopped = "interrupted"
        warnings.warn(f"[{where}] Training interrupted by user.", stacklevel=4)
    except DivergenceError as error:
        raise ValueError(f"{error}. Solver produced non-finite parameter weights.") from error
    _note(estimator, watch, kept.history, size)
    if not incremental and kept.history.stopped is None:
        message = f"[{where}] {epochs} iterations (max_iter) are over and the training has not converged yet"
        warnings.warn(message, ConvergenceWarning, stacklevel=4)


class Kept(Callback):
    """The history of a fit, however it ends."""

    def __init__(self) -> None:
        self.history = History()

    def on_fit_begin(self, run: Run) -> None:
        """Keep it."""
        self.history = run.history


def _schedule(estimator: Any, learner: Learner, watch: Watch, size: int, incremental: bool) -> LRScheduler | None:
    if incremental and estimator.learning_rate == "invscaling":  # a single epoch has a single rate
        rate = estimator.learning_rate_init * inverse_scale(estimator.t_, estimator.power_t)
        learner.trainer.optimizer.lr = rate
        return None
    return learner.schedule(lambda optimizer: make_schedule(estimator, optimizer, size, watch.rises, watch.tol))


def _telling(estimator: Any, watch: Watch) -> list[Callback]:
    return [Lines(watch)] if estimator.verbose else []


def _ending(schedule: LRScheduler | None) -> list[Callback]:
    return [StopWhenEnded(schedule)] if isinstance(schedule, Adaptive) else []


def batch_size(where: str, given: Any, rows: int) -> int:
    """Rows of a batch."""
    if given == "auto":
        return min(200, rows)
    if given > rows:
        warnings.warn(f"[{where}] batch_size is {given} but there are {rows} rows: it is cut to that", stacklevel=5)
    return min(int(given), rows)


def _note(estimator: Any, watch: Watch, history: History, size: int) -> None:
    """What a fit leaves in an estimator."""
    curve, scores = watch.losses(history), watch.scores(history)
    estimator.history_ = history
    estimator.n_iter_ = history.epochs
    estimator.t_ += history.epochs * size
    estimator.loss_curve_ = estimator.loss_curve_ + curve
    if curve:
        estimator.loss_ = curve[-1]
    if scores:
        estimator.validation_scores_ = (estimator.validation_scores_ or []) + scores
    if watch.stops_by_held:
        estimator.best_validation_score_ = _best(max, estimator.best_validation_score_, scores)
        estimator.best_loss_ = None
    else:
        estimator.best_loss_ = _best(min, estimator.best_loss_, curve)


def _best(choose: Any, before: float | None, values: list[float]) -> float | None:
    known = [value for value in ([] if before is None else [before]) + values if not np.isnan(value)]
    return choose(known) if known else before
