"""One call of fit or partial_fit: what ends it, and what it leaves in the estimator."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from lamella.callbacks import Callback, EarlyStopping, ProgressBar, Run
from lamella.callbacks.callback import callbacks_of
from lamella.estimators.lbfgs import fit_lbfgs
from lamella.estimators.learner import Learner
from lamella.estimators.rows import Rows
from lamella.estimators.schedule import Adaptive, StopWhenEnded, inverse_scale, make_schedule
from lamella.estimators.solver import LBFGS
from lamella.estimators.watch import Lines, Watch
from lamella.optim.schedule import LRScheduler
from lamella.trainer import DivergenceError, History
from lamella.trainer.feeding import training_of
from lamella.trainer.options import Options
from lamella.trainer.training import Training


class Fit:
    """One call of fit or partial_fit: trains, and leaves in the estimator what scikit-learn's estimators note.

    Parameters
    ----------
    where : str
    estimator : BaseMLP
    learner : Learner
    rows : Rows
    held_out : Rows or None
    incremental : bool
        One epoch, whatever it gives; or up to max_iter of them, until there is convergence.
    """

    def __init__(
        self, where: str, estimator: Any, learner: Learner, rows: Rows, held_out: Rows | None, incremental: bool
    ) -> None:
        self.where, self.estimator, self.learner, self.rows, self.held_out = where, estimator, learner, rows, held_out
        self._incremental, self._kept = incremental, Kept()
        self._watch = Watch(estimator, learner, held_out)

    def _options(self) -> Options:
        """Arguments of :meth:`lamella.Trainer.fit` beside the data."""
        estimator, watch, size = self.estimator, self._watch, len(self.rows)
        schedule = _schedule(estimator, self.learner, watch, size, self._incremental)
        callbacks = callbacks_of(estimator.callbacks, None, type(estimator).__name__)
        own = any(isinstance(callback, EarlyStopping) for callback in callbacks)
        if not self._incremental and not own:
            callbacks.append(watch.early_stopping(forever=isinstance(schedule, Adaptive)))
        return Options(
            where=self.where,
            epochs=1 if self._incremental else estimator.max_iter,
            batch_size=batch_size(estimator.batch_size, size),
            shuffle=bool(estimator.shuffle),
            callbacks=[self._kept, *_telling(estimator, watch), *callbacks, *_ending(schedule)],
            schedule=schedule,
            monitor=watch.key,
        )

    def run(self) -> None:
        """Train. ValueError if the loss is no longer finite."""
        if self.estimator.solver == LBFGS:
            fit_lbfgs(self.where, self.estimator, self.learner, self.rows.taken())
            return
        X, target, weight = self.rows.parts()
        held_out = None if self.held_out is None else self.held_out.parts()
        try:
            training_of(self.learner.trainer, X, target, weight, held_out, self._options()).run()
        except KeyboardInterrupt:
            self._kept.history.stopped = "interrupted"
            warnings.warn(f"[{self.where}] Training interrupted by user.", stacklevel=5)
        except DivergenceError as error:
            reason = str(error).partition("] ")[2]
            raise ValueError(f"[{self.where}] {reason}. Solver produced non-finite parameter weights.") from error
        self.note()
        if self.ran_out:
            epochs = self.estimator.max_iter
            message = f"[{self.where}] {epochs} iterations (max_iter) are over and the training has not converged yet"
            warnings.warn(message, ConvergenceWarning, stacklevel=5)

    def training(self) -> Training:
        """What :meth:`run` runs, to be run side by side with others; then :meth:`note` is to be called."""
        model, loss = self.learner.model, self.learner.loss
        held_out = None if self.held_out is None else self.held_out.samples(model, loss, self.where)
        samples = self.rows.samples(model, loss, self.where)
        return Training(self.learner.trainer, samples, held_out, self._options())

    @property
    def ran_out(self) -> bool:
        """Whether it came to its last epoch without convergence, where there could have been."""
        return not self._incremental and self._kept.history.stopped is None

    def note(self) -> None:
        """Leave in the estimator what was found."""
        _note(self.estimator, self._watch, self._kept.history, len(self.rows))


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
    if estimator.verbose == "bar":
        return [ProgressBar(watch.describe)]
    return [Lines(watch)] if estimator.verbose else []


def _ending(schedule: LRScheduler | None) -> list[Callback]:
    return [StopWhenEnded(schedule)] if isinstance(schedule, Adaptive) else []


def batch_size(given: Any, rows: int) -> int:
    """Rows of a batch."""
    return min(200 if given == "auto" else int(given), rows)


def warn_of_batch_size(where: str, given: Any, rows: int) -> None:
    """Say where batches are smaller than was asked for."""
    if given != "auto" and given > rows:
        warnings.warn(f"[{where}] batch_size is {given} but there are {rows} rows: it is cut to that", stacklevel=5)


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
