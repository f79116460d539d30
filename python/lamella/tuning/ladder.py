"""Which trial is trained next, and how far: decided by the scores so far alone."""

import math
from collections.abc import Sequence

from lamella.tuning.halving import Halving, quotas


class Ladder:
    """Trials, numbers from 0, that climb rungs.

    Parameters
    ----------
    count : int
        Trials.
    levels : sequence of int
        Epochs of each rung.
    halving : Halving, optional
        None: there is one rung.
    budget : float
        Epochs that all trials may take together.
    """

    def __init__(self, count: int, levels: Sequence[int], halving: Halving | None, budget: float = math.inf) -> None:
        self._count, self._levels, self._halving = count, levels, halving
        self.left = budget
        self._quotas = quotas(count, len(levels), halving)
        self._begun = 0
        self._highest = -1  # rung that a trial has gone to
        self._arrived: list[dict[int, float]] = [{} for _ in levels]  # by rung: trial, score
        self._promoted: list[set[int]] = [set() for _ in levels]

    def next(self, idle: bool) -> tuple[int, int] | None:
        """A trial and the rung that it is to go to, or None if none is, for now; it is on its way then.

        Parameters
        ----------
        idle : bool
            Nothing is being trained, so that no more scores come.
        """
        found = self._affordable(self._climber())
        if found is None and idle:
            found = self._affordable(self._leader())
        if found is None:
            return None
        trial, rung = found
        self.left -= self._cost(rung)
        self._highest = max(self._highest, rung)
        if rung > 0:
            self._promoted[rung - 1].add(trial)
        else:
            self._begun += 1
        return found

    def report(self, trial: int, rung: int, score: float) -> None:
        """A trial has come to a rung with that score, the lower the better; infinite: it goes no further."""
        self._arrived[rung][trial] = score

    def refund(self, epochs: float) -> None:
        """So many have not been needed."""
        self.left += epochs

    def lost(self) -> list[int]:
        """Trials that wait at a rung and cannot go on from there, whatever the scores to come."""
        found: list[int] = []
        for rung in range(len(self._levels) - 1):
            most = max(1, (self._count - len(found)) // self._factor)  # that can go on from here in the end
            if self._synchronous and self._complete(rung):
                most = self._quotas[rung + 1]
            found += [trial for trial in self._ranked(rung)[most:] if trial not in self._promoted[rung]]
        return found

    @property
    def _factor(self) -> int:
        return 1 if self._halving is None else self._halving.factor

    @property
    def _synchronous(self) -> bool:
        return self._halving is not None and self._halving.synchronous

    def _ranked(self, rung: int) -> list[int]:
        arrived = self._arrived[rung]
        return sorted(arrived, key=lambda trial: (arrived[trial], trial))

    def _climber(self) -> tuple[int, int] | None:
        for rung in reversed(range(len(self._levels) - 1)):
            for trial in self._ranked(rung)[: self._promotable(rung)]:
                if trial not in self._promoted[rung] and self._arrived[rung][trial] < math.inf:
                    return trial, rung + 1
        return (self._begun, 0) if self._begun < self._count else None

    def _promotable(self, rung: int) -> int:
        """How many of a rung's best may go on."""
        if self._synchronous:
            return self._quotas[rung + 1] if self._complete(rung) else 0
        return len(self._arrived[rung]) // self._factor

    def _complete(self, rung: int) -> bool:
        """Whether all have come that will."""
        if rung == 0:
            return len(self._arrived[0]) == self._count
        below = self._arrived[rung - 1].values()
        expected = min(self._quotas[rung], sum(score < math.inf for score in below))
        return self._complete(rung - 1) and len(self._arrived[rung]) == expected

    def _leader(self) -> tuple[int, int] | None:
        """Where too few have come to a rung for one to go on, the best of the highest, so that one comes to the end."""
        lost = self.lost()
        for rung in reversed(range(len(self._levels))):
            alive = [trial for trial, score in self._arrived[rung].items() if score < math.inf]
            if rung == len(self._levels) - 1 and alive:
                return None
            for trial in self._ranked(rung):
                if trial in alive and trial not in lost and trial not in self._promoted[rung]:
                    return trial, rung + 1
        return None

    def _affordable(self, step: tuple[int, int] | None) -> tuple[int, int] | None:
        """The step, if what is left then is enough for one trial to be trained to the end."""
        if step is None:
            return None
        rest = self._levels[-1] - self._levels[max(step[1], self._highest)]
        return step if self._cost(step[1]) + rest <= self.left else None

    def _cost(self, rung: int) -> int:
        return self._levels[rung] - (self._levels[rung - 1] if rung > 0 else 0)
