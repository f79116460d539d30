"""Ways to make one prediction of those of many models."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import numpy as np

from lamella._arrays import Array, contiguous, to_array
from lamella.nn.loss import Loss
from lamella.nn.module import Module


class Combination(Protocol):
    """What makes one prediction of (models, n, outputs).

    Weights are (models,), or (models, n): where they are all 0 for a row, nothing is said of it.
    """

    name: ClassVar[str]

    def said(self, outputs: Array, losses: Sequence[Loss], weights: Array) -> Array:
        """The prediction."""
        ...

    def as_outputs(self, said: Array, loss: Loss, width: int) -> Array:
        """Outputs by which a single model would say the same."""
        ...

    def decide(self, said: Array, loss: Loss) -> Array:
        """Classes, yes or no, or the values themselves."""
        ...


class Mean:
    """Of what the outputs say as probabilities, or of the outputs themselves; NaN where nothing is said."""

    name: ClassVar[str] = "mean"

    def said(self, outputs: Array, losses: Sequence[Loss], weights: Array) -> Array:
        """(n, outputs), added up in float64."""
        total, count = np.zeros(outputs.shape[1:]), np.zeros(weights.shape[1:])
        for own, loss, weight in zip(outputs, losses, weights, strict=True):
            total += np.asarray(weight)[..., None] * loss.probabilities(own)
            count += weight
        with np.errstate(invalid="ignore"):
            result: Array = (total / count[..., None]).astype(outputs.dtype)
        return result

    def as_outputs(self, said: Array, loss: Loss, width: int) -> Array:
        """Probabilities as logits."""
        return loss.outputs_of(said)

    def decide(self, said: Array, loss: Loss) -> Array:
        """As the loss does."""
        return loss.decide(loss.outputs_of(said))


class Vote:
    """What most models decide: a class for each row (of equally many votes the first), or yes or no for each cell.

    Where nothing is said, -1 for a class, and no.
    """

    name: ClassVar[str] = "vote"

    def __init__(self, where: str) -> None:
        self._where = where

    def said(self, outputs: Array, losses: Sequence[Loss], weights: Array) -> Array:
        """(n,) or (n, outputs)."""
        decided = [loss.decide(own) for own, loss in zip(outputs, losses, strict=True)]
        if decided[0].ndim == 1:
            counts = np.zeros(outputs.shape[1:])
            rows = np.arange(len(counts))
            for own, weight in zip(decided, weights, strict=True):
                counts[rows, own] += weight
            classes: Array = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
            return classes
        signs = decided[0].dtype.kind == "i"  # 1 and -1
        if decided[0].dtype.kind != "b" and not signs:
            raise ValueError(
                f'[{self._where}] combine is "vote" but {type(losses[0]).__name__} decides on no classes; use "mean"'
            )
        columns = weights[..., None] if weights.ndim == 2 else weights[:, None, None]
        yes = ((np.stack(decided) > 0) * columns).sum(axis=0) * 2 > columns.sum(axis=0)
        result: Array = np.where(yes, 1, -1) if signs else yes
        return result

    def as_outputs(self, said: Array, loss: Loss, width: int) -> Array:
        """1 for what is decided, 0 or -1 for all else."""
        if said.ndim == 1:
            one_hot: Array = (said[:, None] == np.arange(width)).astype(np.float64)
            return one_hot
        result: Array = np.where(said > 0, 1.0, -1.0)
        return result

    def decide(self, said: Array, loss: Loss) -> Array:
        """It is decided."""
        return said


def combination(name: Any, where: str) -> Combination:
    """That of a name."""
    if name == "mean":
        return Mean()
    if name == "vote":
        return Vote(where)
    raise ValueError(f'[{where}] combine is {name!r} but must be "mean" or "vote"')


def checked_weights(given: Any, models: int, where: str) -> Array:
    """A weight for each model, as float64; ones by default."""
    if given is None:
        return np.ones(models)
    weights = to_array(given, "weights", where).astype(np.float64)
    if weights.shape != (models,):
        raise ValueError(f"[{where}] weights has shape {weights.shape} but {(models,)} is expected, a weight a model")
    return weights


def check_sum(weights: Array, numbers: Sequence[int], where: str) -> Array:
    """``weights`` if they are finite, at least 0, and not all 0; ``numbers`` are those of the models, for errors."""
    for number, weight in zip(numbers, weights, strict=True):
        if not 0 <= weight < np.inf:
            raise ValueError(f"[{where}] weights[{number}] is {weight} but must be finite and at least 0")
    if not weights.any():
        raise ValueError(f"[{where}] weights are all 0")
    return weights


def scores(
    combination: Combination, said: Array, loss: Loss, target: Array, weight: Array | None, model: Module, x_width: int
) -> dict[str, float]:
    """Loss and score of what was said of checked targets; of a vote, which has no loss, the score.

    ``model`` is one of those combined, and ``x_width`` its number of features.
    """
    outputs = combination.as_outputs(said, loss, model.forward_pass(x_width).outputs)
    outputs = contiguous(outputs, model.store().dtype)
    value, score = loss.evaluate(outputs, target, weight)
    return {**({} if combination.name == "vote" else {"loss": value}), loss.score_name: score}
