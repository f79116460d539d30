"""Can the network learn a handful of rows by heart? If it cannot, something is wrong."""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamella import optim
from lamella._arrays import Array
from lamella.diagnosis.findings import Finding
from lamella.diagnosis.obstacles import mistakes, obstacles
from lamella.diagnosis.reach import Reach, reach
from lamella.diagnosis.table import table
from lamella.diagnosis.watch import require_loss, require_model
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.nn.random import RandomLayer
from lamella.nn.sparsity import Sparsity
from lamella.trainer import Trainer
from lamella.trainer.samples import Samples, check_samples, samples_of

_WHERE = "overfit_check"
#: It has learned the rows by heart when so much of the way down is behind it.
_ENOUGH = 0.99
#: Steps between two looks.
_LOOK = 20


@dataclass(frozen=True)
class Attempt:
    """A training at one rate.

    Attributes
    ----------
    rate : float
    losses : ndarray, (steps,)
        Before each step.
    share : float
        Of the way from the loss of the best constant outputs down to the lowest possible loss, at its best.
    diverged : bool
        Whether the loss became NaN or infinite.
    """

    rate: float
    losses: Array
    share: float
    diverged: bool


@dataclass(frozen=True, repr=False)
class OverfitCheck:
    """What :func:`lamella.overfit_check` found.

    Attributes
    ----------
    passed : bool
        Whether some rate brought the loss 99 % of the way down.
    rows : int
    constant, floor : float
        The loss of the best outputs that are the same for all rows, and the lowest possible one. (Of the score, for
        losses without a lower end.)
    attempts : tuple of Attempt
        In the order they were made; the last one passed, if one did.
    findings : tuple of Finding
        What stands in the way, most likely reason first; if it passed, what looks like a mistake all the same.
    switched_off : tuple of str
        Layers that were held in evaluation mode: dropout, noise, penalties.
    """

    passed: bool
    rows: int
    constant: float
    floor: float
    attempts: tuple[Attempt, ...]
    findings: tuple[Finding, ...]
    switched_off: tuple[str, ...]

    def __repr__(self) -> str:
        outcome = "learned by heart" if self.passed else "not learned"
        rows = [
            (
                f"{each.rate:g}",
                str(len(each.losses)),
                f"{each.losses[0]:.4g}",
                "diverged" if each.diverged else f"{each.losses[-1]:.4g}",
                f"{max(each.share, 0):.1%}",
            )
            for each in self.attempts
        ]
        lines = [
            f"OverfitCheck: {self.rows} rows {outcome}; best constant {self.constant:.4g}, lowest {self.floor:.4g}",
            table(("rate", "steps", "first loss", "last loss", "of the way"), rows, right=range(5)),
        ]
        if self.switched_off:
            lines.append(f"switched off: {', '.join(self.switched_off)}")
        return "\n".join([*lines, *map(str, self.findings)])


def overfit_check(
    model: Module,
    x: Any,
    y: Any,
    loss: Loss,
    sample_weight: Any = None,
    *,
    rows: int = 32,
    steps: int = 1000,
    lr: float | tuple[float, ...] = (1e-3, 1e-2, 1e-4),
    seed: int = 0,
) -> OverfitCheck:
    """Train a copy on a few rows until it knows them by heart; if it cannot, say what to look at.

    A network of any use can: what keeps it from that is a mistake (wrong labels, wrong loss, a wrong backward, data out
    of scale, dead units) or a network that is far too small. The copy is trained by Adam from the present weights, all
    rows in each step, with dropout, noise and sparsity penalties off and no decay. Model and loss stay as they are.

    Parameters
    ----------
    model : Module
    x : array-like, (n, features)
    y : array-like
        Targets, as the loss takes them.
    loss : Loss
    sample_weight : array-like, (n,), optional
        What each row counts in the loss.
    rows : int, default 32
        Drawn at random, if there are more.
    steps : int, default 1000
        At each rate, at most.
    lr : float or tuple of float, default (1e-3, 1e-2, 1e-4)
        Rates, tried in turn until one does it.
    seed : int, default 0
        Of the draw.

    Returns
    -------
    OverfitCheck
        ``.passed``, ``.attempts``, ``.findings``; ``print`` shows them.

    Raises
    ------
    ValueError
        If data does not fit the model.
    TypeError
        If ``model`` or ``loss`` is none, or cannot be copied.
    """
    require_model(model, _WHERE)
    require_loss(loss, _WHERE)
    rows = _check.integer(_WHERE, "rows", rows, 1)
    steps = _check.integer(_WHERE, "steps", steps, 1)
    rates = [_check.positive(_WHERE, "lr", rate) for rate in (lr if isinstance(lr, (tuple, list)) else (lr,))]
    if not rates:
        raise ValueError(f"[{_WHERE}] lr is empty but must be a rate, or some")
    rng = np.random.default_rng(_check.seed(_WHERE, seed))
    own = copy.deepcopy(loss)
    own._warned = True  # of a softmax before it: that is told as a finding
    if own.reduction == "none":
        own.reduction = "mean"
    first = _copy(model)
    every = samples_of(first, own, x, y, sample_weight, _WHERE)
    check_samples(every, _WHERE, getattr(x, "columns", None))
    chosen = np.sort(rng.choice(len(every), min(rows, len(every)), replace=False))
    samples = Samples(every.x, every.target, every.weight, chosen).taken()
    switched_off = _switch_off(first)
    first.check_rows(len(samples), None, _WHERE)

    width = first(samples.x).shape[1]
    bounds = reach(copy.deepcopy(own), _doubled(samples), width)
    attempts: list[Attempt] = []
    best, trained = -math.inf, first
    for rate in rates:
        twin = _copy(first)
        attempt = _train(twin, own, samples, rate, steps, bounds)
        attempts.append(attempt)
        if attempt.share > best or len(attempts) == 1:
            best, trained = attempt.share, twin
        if attempt.share >= _ENOUGH:
            break
    passed = best >= _ENOUGH
    findings = list(mistakes(first, own, samples, bounds))
    if not passed:
        findings += obstacles(first, trained, own, samples, attempts)
    return OverfitCheck(
        passed, len(samples), bounds.constant, bounds.floor, tuple(attempts), tuple(findings), tuple(switched_off)
    )


def _copy(model: Module) -> Module:
    try:
        twin: Module = copy.deepcopy(model)
    except Exception as error:
        raise TypeError(f"[{_WHERE}] the model cannot be copied: {error}") from error
    if not twin.training:
        twin.train()
    return twin


def _switch_off(model: Module) -> list[str]:
    """Hold in evaluation mode what makes learning harder on purpose."""
    found = []
    for name, module in model.named_modules():
        if isinstance(module, (RandomLayer, Sparsity)) and module.training:
            module.training = False
            found.append(f"{name} ({type(module).__name__})" if name else type(module).__name__)
    return found


def _doubled(samples: Samples) -> Samples:
    target = samples.target.astype(np.float64) if samples.target.dtype.kind == "f" else samples.target
    weight = None if samples.weight is None else samples.weight.astype(np.float64)
    return Samples(samples.x.astype(np.float64), target, weight)


def _train(model: Module, loss: Loss, samples: Samples, rate: float, steps: int, bounds: Reach) -> Attempt:
    trainer = Trainer(model, loss, optim.Adam(model.parameters(), lr=rate))
    step = trainer.prepare(samples.x.shape[1], samples.target)
    losses: list[float] = []
    share = -math.inf
    for count in range(1, steps + 1):
        losses.append(trainer.advance(step, samples.x, samples.target, samples.weight))
        if not math.isfinite(losses[-1]):
            return Attempt(rate, np.array(losses), share, diverged=True)
        value = losses[-1]
        if bounds.by_score:
            if count % _LOOK and count < steps:
                continue
            value = loss.measure(model(samples.x), samples.target, samples.weight).score
        share = max(share, bounds.share(value))
        if share >= _ENOUGH:
            break
    return Attempt(rate, np.array(losses), share, diverged=False)
