"""Stacking: a linear model on what the members of an ensemble say."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lamella._arrays import Array, as_weights
from lamella.ensemble.combine import Mean
from lamella.ensemble.convex import convex_weights
from lamella.ensemble.minimize import minimize
from lamella.ensemble.outputs import in_blocks
from lamella.nn import _check
from lamella.nn.linear import Linear
from lamella.nn.loss import CrossEntropyLoss, KLDivLoss, Loss, MSELoss, NLLLoss
from lamella.nn.module import Module


class LinearStack(Mean):
    """A linear model on the members' predictions, or on the mean predictions of groups of them (Wolpert 1992).

    It is trained on the members' loss; where they give log-probabilities, on the cross-entropy of its own logits.

    Attributes
    ----------
    groups : ndarray, (models,)
        The number of each member's group.
    model : Linear
        From all groups' predictions, a block of columns each, to outputs. In float64.
    """

    name: ClassVar[str] = "linear"

    def __init__(self, groups: Array, model: Linear) -> None:
        self.groups, self.model = groups, model

    def said(self, outputs: Array, losses: Sequence[Loss], weights: Array) -> Array:
        """(n, outputs)."""
        table = features(outputs, losses, weights, self.groups)
        result: Array = own_loss(losses[0]).probabilities(self.model.predict(flat(table))).astype(outputs.dtype)
        return result


def features(outputs: Array, losses: Sequence[Loss], weights: Array, groups: Array) -> Array:
    """(n, groups, outputs): the mean prediction of each group, in float64."""
    members = [np.flatnonzero(groups == group).tolist() for group in range(int(groups.max()) + 1)]
    table = [Mean().said(outputs[own].astype(np.float64), [losses[k] for k in own], weights[own]) for own in members]
    return np.stack(table, axis=1)


def flat(table: Array) -> Array:
    """(n, groups, outputs) as what a linear model takes."""
    return np.ascontiguousarray(table.reshape(len(table), -1))


def own_loss(loss: Loss) -> Loss:
    """What a linear model is trained on, for members that were on ``loss``."""
    if isinstance(loss, NLLLoss):
        return CrossEntropyLoss(loss.weight, loss.ignore_index)
    if isinstance(loss, KLDivLoss):
        return CrossEntropyLoss()
    own = copy.copy(loss)
    own.reduction = "mean"
    return own


def own_targets(loss: Loss, y: Any, n: int, width: int, where: str) -> Array:
    """``y`` as :func:`own_loss` takes it for n rows of so many outputs."""
    target = loss.targets(y, n, width, np.dtype(np.float64), where)
    return np.exp(target) if isinstance(loss, KLDivLoss) and loss.log_target else target


def fit_stack(
    models: Sequence[Module],
    losses: Sequence[Loss],
    x: Any,
    y: Any,
    sample_weight: Any,
    weights: Array,
    groups: Sequence[Any] | None,
    kind: str,
    alpha: float,
    where: str,
) -> tuple[str | LinearStack, Array | None]:
    """``combine`` and ``weights`` of the best ensemble; arguments are those of :meth:`Ensemble.stack`.

    ``weights`` are (models, n) or (models, 1): 0 where a model has learned from a row. Rows of which a group can say
    nothing are left out.
    """
    alpha = _check.number(where, "alpha", alpha, 0)
    if kind not in ("linear", "convex"):
        raise ValueError(f'[{where}] kind is {kind!r} but must be "linear" or "convex"')
    numbers = _group_numbers(groups, len(models), where)

    def made(outputs: Array, rows: slice) -> Array:
        return features(outputs, losses, weights[:, rows] if weights.shape[1] > 1 else weights[:, 0], numbers)

    table = in_blocks(models, x, 1024, where, made)
    n, width = len(table), table.shape[2]
    target = own_targets(losses[0], y, n, width, where)
    weight = None if sample_weight is None else as_weights(sample_weight, n, np.dtype(np.float64), where)
    known = np.isfinite(table).all(axis=(1, 2))
    if not known.any():
        raise ValueError(f"[{where}] there is no row of which each of {numbers.max() + 1} groups can say something")
    if not known.all():
        table, target = table[known], target[known]
        weight = None if weight is None else weight[known]
    if weight is not None and not weight.any():
        raise ValueError(f"[{where}] sample_weight is 0 for all rows")
    loss = own_loss(losses[0])
    if kind == "linear":
        return LinearStack(numbers, fit_linear(table, loss, target, weight, alpha)), None
    found = convex_weights(table, loss, target, weight, where)
    return "mean", (found / np.bincount(numbers))[numbers]


def _group_numbers(groups: Sequence[Any] | None, models: int, where: str) -> Array:
    """From 0, a number for each model."""
    if groups is None:
        return np.arange(models)
    if len(groups) != models:
        raise ValueError(f"[{where}] groups has {len(groups)} labels but there are {models} models")
    labels = list(dict.fromkeys(groups))
    return np.array([labels.index(group) for group in groups])


def fit_linear(table: Array, loss: Loss, target: Array, weight: Array | None, alpha: float) -> Linear:
    """The linear model that is best for (n, groups, outputs) predictions.

    Parameters
    ----------
    table : ndarray, (n, groups, outputs)
    loss : Loss
        As :func:`own_loss` has it.
    target : ndarray
        As that takes it.
    weight : ndarray or None
        What each row counts.
    alpha : float
        Of squared errors: the least sum of squares + alpha |W|^2, as ridge regression has it. Of other losses l: the
        least sum of l + alpha / 2 |W|^2, as logistic regression with C = 1 / alpha.
    """
    _, groups, width = table.shape
    given = flat(table)
    model = Linear(given.shape[1], width, init="zeros")
    model.dtype, model.seed = "float64", 0
    model.store()
    assert model.bias is not None
    w, b, b_grad = model.weight.data, model.bias.data, model.bias.grad
    if isinstance(loss, MSELoss):
        w[...], b[...] = _ridge(given, target, weight, alpha)
        return model
    if not loss.takes_logits:
        w[...] = np.tile(np.eye(width) / groups, groups)
    rows = float(len(given) if weight is None else weight.sum())

    def place(point: Array) -> None:
        w[...], b[...] = point[: w.size].reshape(w.shape), point[w.size :]

    def objective(point: Array) -> tuple[float, Array]:
        place(point)
        value = loss.measure(model(given), target, weight).value
        model.zero_grad()
        model.backward(loss.backward())
        slope = model.weight.grad + alpha / rows * w
        return value + alpha / (2 * rows) * float((w * w).sum()), np.concatenate([slope.ravel(), b_grad])

    place(minimize(objective, np.concatenate([w.ravel(), b]))[0])
    return model


def _ridge(x: Array, y: Array, weight: Array | None, alpha: float) -> tuple[Array, Array]:
    """Weights (outputs, features) and bias of the least squares; the bias is not penalized."""
    weights = np.ones(len(x)) if weight is None else weight
    x_mean, y_mean = np.average(x, axis=0, weights=weights), np.average(y, axis=0, weights=weights)
    x, y = x - x_mean, y - y_mean
    square = (x * weights[:, None]).T @ x + alpha * np.eye(x.shape[1])
    found: Array = np.linalg.lstsq(square, (x * weights[:, None]).T @ y, rcond=None)[0].T
    return found, y_mean - found @ x_mean
