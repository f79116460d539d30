"""Trials that are trained side by side."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from lamella._config import get_num_threads
from lamella.population.side_by_side import run_side_by_side
from lamella.trainer.divergence import DivergenceError
from lamella.trainer.early_stopping import larger_is_better
from lamella.trainer.history import History
from lamella.trainer.training import Training
from lamella.tuning.ladder import Ladder
from lamella.tuning.plan import Plan
from lamella.tuning.trial import Trial, ranked

#: Called with each trial that is over; True ends the search.
OnTrial = Callable[[Trial], bool | None]


@dataclass
class Limits:
    """What ends a search early, and what is kept of it."""

    keep: int = 1
    deadline: float = math.inf  # by time.monotonic()
    on_trial: OnTrial | None = None
    reached: bool = False


@dataclass
class _Climb:
    """A trial on its way to a rung."""

    trial: Trial
    place: int  # in the ladder
    rung: int
    folds: set[int] = field(default_factory=set)  # that have not arrived


class Round:
    """Trains trials, as many models at a time as there are threads; each is made when its turn comes.

    Parameters
    ----------
    trials : sequence of Trial
        Those of the ladder, in its order.
    before : sequence of Trial
        Of rounds before, which are kept where they are better.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        before: Sequence[Trial],
        plan: Plan,
        ladder: Ladder,
        levels: Sequence[int],
        folds: int,
        limits: Limits,
    ) -> None:
        self._trials, self._before, self._plan = trials, before, plan
        self._ladder, self._levels, self._folds, self._limits = ladder, levels, folds, limits
        self._trainings: list[list[Training]] = [[] for _ in trials]  # of those that are not over, by fold
        self._lock = Lock()  # models are trained by threads that call here
        self._slots = get_num_threads()
        self._waiting: deque[tuple[_Climb, int]] = deque()  # folds to be trained
        self._running: dict[int, tuple[_Climb, int]] = {}  # by the training's identity
        self._falls = not larger_is_better(plan.monitor)

    def run(self) -> None:
        """Train them all, or as long as there is a budget."""
        try:
            run_side_by_side(self._more(), self._over)
            self._close()
        finally:
            for trial in self._trials:
                if trial.state in ("running", "paused"):
                    trial.state = "stopped"

    def _over(self, training: Training, error: DivergenceError | None) -> list[Training]:
        with self._lock:
            climb, fold = self._running.pop(id(training))
            self._ladder.refund((self._levels[climb.rung] - training.history.epochs) / self._folds)
            if error is not None:
                self._fail(climb, "diverged", str(error))
            self._arrive(climb, fold)
            return self._more()

    def _more(self) -> list[Training]:
        """Trainings for the threads that are free."""
        found: list[Training] = []
        while len(self._running) < self._slots and (training := self._next()) is not None:
            found.append(training)
        return found

    def _next(self) -> Training | None:
        while True:
            while self._waiting:
                climb, fold = self._waiting.popleft()
                training = self._training(climb, fold)
                if training is not None:
                    self._running[id(training)] = climb, fold
                    return training
                self._ladder.refund(self._step(climb.rung) / self._folds)
                self._arrive(climb, fold)
            if not self._climb():
                return None

    def _climb(self) -> bool:
        """Take a step of the ladder."""
        self._limits.reached |= time.monotonic() >= self._limits.deadline
        if self._limits.reached:
            return False
        step = self._ladder.next(idle=not self._running)
        if step is None:
            return False
        trial = self._trials[step[0]]
        trial.state = "running"
        climb = _Climb(trial, *step, set(range(self._folds)))
        if not trial.histories:
            trial.histories = [History() for _ in range(self._folds)]
        self._waiting.extend((climb, fold) for fold in range(self._folds))
        return True

    def _training(self, climb: _Climb, fold: int) -> Training | None:
        """One fold's; None if there is nothing to do."""
        trial = climb.trial
        if trial.state != "running":  # another fold has diverged
            return None
        if climb.rung > 0:
            training = self._trainings[climb.place][fold]
        else:
            try:
                training = self._plan.training(trial.settings, trial.seed, fold, self._levels[-1])
            except Exception as error:  # of the factory's, or settings that do not go together
                text = str(error).removeprefix("[search] model 0: ")
                self._fail(climb, "failed", f"{type(error).__name__}: {text}")
                return None
            self._trainings[climb.place].append(training)
            trial.histories[fold] = training.history
        training.limit = self._levels[climb.rung]
        return None if training.over else training

    def _step(self, rung: int) -> int:
        return self._levels[rung] - (self._levels[rung - 1] if rung > 0 else 0)

    def _fail(self, climb: _Climb, state: str, reason: str) -> None:
        climb.trial.state, climb.trial.reason, climb.trial.scores = state, reason, []

    def _arrive(self, climb: _Climb, fold: int) -> None:
        """One fold has come to the rung, or does not go on."""
        climb.folds.discard(fold)
        if climb.folds:
            return
        trial = climb.trial
        if trial.state == "running":
            trial.scores, trial.rung = [self._score(training) for training in self._trainings[climb.place]], climb.rung
            last = climb.rung == len(self._levels) - 1
            trial.state = "finished" if last else "paused"
            if not math.isfinite(trial.score):
                self._fail(climb, "diverged", f"{self._plan.monitor} became {trial.score}")
        score = math.inf if trial.out else trial.score if self._falls else -trial.score
        self._ladder.report(climb.place, climb.rung, score)
        for place in self._ladder.lost():
            if self._trials[place].state == "paused":
                self._end(place, "dropped")
        if trial.state not in ("paused", "dropped"):
            self._end(climb.place, trial.state)

    def _score(self, training: Training) -> float:
        """What is monitored: with patience at the best epoch so far, else at the last."""
        values, best = training.history[self._plan.monitor], training.history.best_epoch
        if best is not None:
            return values[best]
        if training.options.patience is None:
            return values[-1]
        finite = [value for value in values if math.isfinite(value)]
        return (min if self._falls else max)(finite, default=math.nan)

    def _end(self, place: int, state: str) -> None:
        """A trial is over: free the memory of what is not to be kept."""
        trial, trainings = self._trials[place], self._trainings[place]
        trial.state, self._trainings[place] = state, []
        if state == "finished":
            trial.models = [training.trainer.model for training in trainings]
            finished = [each for each in (*self._before, *self._trials) if each.state == "finished"]
            for each in ranked(finished, self._falls)[self._limits.keep :]:
                each.models = []
        if self._limits.on_trial is not None and self._limits.on_trial(trial):
            self._limits.reached = True

    def _close(self) -> None:
        """Those that wait at a rung go no further."""
        for place, trial in enumerate(self._trials):
            if trial.state == "paused":
                self._end(place, "stopped" if self._limits.reached else "dropped")
