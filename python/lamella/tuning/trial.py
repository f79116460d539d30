"""One trial of a search."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamella.nn.module import Module
from lamella.trainer.history import History
from lamella.tuning.draw import Settings


@dataclass(eq=False)
class Trial:
    """Settings, and what came of them.

    Attributes
    ----------
    number : int
        From 0, over all rounds.
    settings : dict
        As named in the space.
    seed : int
        Of its models, unless the factory gives them one.
    state : str
        "finished": trained to the end. "dropped": by successive halving. "diverged": the loss or the score became NaN
        or infinite. "failed": no model could be made with these settings. "stopped": by the end of the
        search. "waiting": never begun.
    reason : str
        What was said where it diverged or failed.
    rung : int
        How far it came, from 0; -1 if not to the first.
    scores : list of float
        What was monitored, at that rung, by fold.
    histories : list of History
        By fold.
    models : list of Module
        As trained, by fold; of those alone that were trained to the end, and are kept.
    """

    number: int
    settings: Settings
    seed: int
    state: str = "waiting"
    reason: str = ""
    rung: int = -1
    scores: list[float] = field(default_factory=list)
    histories: list[History] = field(default_factory=list, repr=False)
    models: list[Module] = field(default_factory=list, repr=False)

    @property
    def score(self) -> float:
        """Mean over the folds; NaN where there is none."""
        return float(np.mean(self.scores)) if self.scores else np.nan

    @property
    def score_std(self) -> float:
        """Standard deviation over the folds."""
        return float(np.std(self.scores)) if self.scores else np.nan

    @property
    def epochs(self) -> int:
        """That it was trained; of the fold that was trained longest."""
        return max((history.epochs for history in self.histories), default=0)

    @property
    def out(self) -> bool:
        """Whether it has no place among those with a score."""
        return self.state in ("diverged", "failed") or not np.isfinite(self.score)


def ranked(trials: list[Trial], falls: bool) -> list[Trial]:
    """Best first: those that came furthest, by score; at last those without one.

    Parameters
    ----------
    trials : list of Trial
    falls : bool
        Whether a low score is good.
    """

    def key(trial: Trial) -> tuple[Any, ...]:
        if trial.out:
            return True, 0, 0.0, trial.number
        return False, -trial.rung, trial.score if falls else -trial.score, trial.number

    return sorted(trials, key=key)
