"""How low a loss can get on some rows, and where it is without having learned anything."""

from dataclasses import dataclass

import numpy as np

from lamella._arrays import Array
from lamella.ensemble.minimize import minimize
from lamella.nn.loss import GaussianNLLLoss, KLDivLoss, Loss, NLLLoss
from lamella.trainer.samples import Samples

#: Losses of log-probabilities, which are at least 0, but not for outputs that are none.
_OF_LOGARITHMS = (KLDivLoss, NLLLoss)


@dataclass(frozen=True)
class Reach:
    """From where to where a quantity can fall.

    Attributes
    ----------
    by_score : bool
        Whether it is the loss's score rather than the loss, which has no lower end.
    constant : float
        What the best outputs reach that are the same for all rows.
    floor : float
        The least there is for outputs that hang on the features alone: rows with the same features get the same ones.
    free : float
        The least there is at all.
    """

    by_score: bool
    constant: float
    floor: float
    free: float

    def share(self, value: float) -> float:
        """How much of the way from ``constant`` to ``floor`` is behind: 0 to 1; less than 0 above the constant's."""
        way = self.constant - self.floor
        if not way > 1e-9 * max(1.0, abs(self.constant)):
            return 1.0 if value <= self.floor + 1e-3 * max(1.0, abs(self.floor)) else 0.0
        return min((self.constant - value) / way, 1.0)

    @property
    def conflicts(self) -> bool:
        """Whether rows with the same features have different targets."""
        return self.floor - self.free > 1e-3 * max(self.constant - self.free, 1e-9)


def reach(loss: Loss, samples: Samples, width: int) -> Reach:
    """For float64 samples and so many outputs."""
    n = len(samples)
    _, same = np.unique(samples.x, axis=0, return_inverse=True)
    groups = [np.zeros(n, np.int64), same.reshape(-1), np.arange(n)]
    if isinstance(loss, GaussianNLLLoss):  # as variances go to 0, it falls for ever
        target = np.atleast_2d(samples.target.T).T
        constant, floor, free = (_spread(target, samples.weight, group) for group in groups)
        return Reach(True, constant, floor, free)
    if isinstance(loss, _OF_LOGARITHMS):
        uniform = loss.measure(np.full((n, width), -np.log(width)), samples.target, samples.weight).value
        return Reach(False, uniform, 0.0, 0.0)
    constant, floor, free = (_least(loss, samples, width, group) for group in groups)
    return Reach(False, constant, floor, free)


def _least(loss: Loss, samples: Samples, width: int, groups: Array) -> float:
    """The least loss of outputs that are free, but the same within each group of rows."""
    count = int(groups.max()) + 1

    def objective(point: Array) -> tuple[float, Array]:
        outputs = point.reshape(count, width)[groups]
        value = loss.measure(outputs, samples.target, samples.weight).value
        gradient = np.zeros((count, width))
        np.add.at(gradient, groups, loss.backward())
        return value, gradient.reshape(-1)

    with np.errstate(all="ignore"):
        _, value = minimize(objective, np.full(count * width, 0.5), steps=300)
    return value


def _spread(target: Array, weight: Array | None, groups: Array) -> float:
    """Mean square of targets around their mean within each group."""
    weights = np.ones(len(target)) if weight is None else weight.astype(np.float64)
    total = np.bincount(groups, weights)[groups]
    means = np.stack([np.bincount(groups, weights * column)[groups] for column in target.T], axis=1)
    centred = target - means / np.where(total > 0, total, 1)[:, None]
    mass = weights.sum() * target.shape[1]
    return float((weights[:, None] * centred**2).sum() / mass) if mass > 0 else 0.0
