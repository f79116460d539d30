"""Weights of models, none negative and one together, by which their mean prediction is best."""

import numpy as np

from lamella._arrays import Array
from lamella.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss


def convex_weights(table: Array, loss: Loss, target: Array, weight: Array | None, where: str) -> Array:
    """For (n, groups, outputs) predictions: least squares (Breiman 1996), or the greatest likelihood.

    Parameters
    ----------
    table : ndarray, (n, groups, outputs)
    loss : Loss
        MSELoss, CrossEntropyLoss or BCEWithLogitsLoss.
    target : ndarray
        As the loss takes it.
    weight : ndarray or None
        What each row counts.
    where : str
    """
    rows = np.ones(len(table)) if weight is None else weight.astype(np.float64)
    if isinstance(loss, MSELoss):
        missed = (table - target[:, None, :]) * np.sqrt(rows)[:, None, None]
        return _least_squares(np.swapaxes(missed, 0, 1).reshape(table.shape[1], -1))
    if isinstance(loss, CrossEntropyLoss):
        truth = loss.mixable(target, table.shape[2], table.dtype)
        said = table
        columns = loss.weight
    elif isinstance(loss, BCEWithLogitsLoss):
        truth = np.concatenate([target, 1 - target], axis=1)
        said = np.concatenate([table, 1 - table], axis=2)
        each = [np.ones(table.shape[2]) if given is None else given for given in (loss.weight, loss.pos_weight)]
        columns = np.concatenate([each[0] * each[1], each[0]])
    else:
        raise ValueError(
            f'[{where}] kind is "convex" but {type(loss).__name__} is none of MSELoss, CrossEntropyLoss and '
            'BCEWithLogitsLoss; use "linear"'
        )
    counts = truth * rows[:, None] * (1 if columns is None else columns)
    row, column = np.nonzero(counts)
    if len(row) == 0:
        raise ValueError(f"[{where}] no row counts: all weights are 0 or all labels ignored")
    return _likeliest(said[row, :, column].T, counts[row, column])


def _least_squares(missed: Array) -> Array:
    """Of least |sum_k w_k e_k|^2 for rows e_k.

    With w = s v, v of sum 1, and q = |sum_k v_k e_k|^2, the least s^2 q + (s - 1)^2 over s is q / (1 + q), which rises
    with q: so non-negative least squares of that, then scaled to the sum of 1, are the answer.
    """
    scale = np.sqrt(max(float((missed * missed).sum(axis=1).max()), np.finfo(np.float64).tiny))
    missed = missed / scale
    weights = _non_negative(missed @ missed.T + 1, np.ones(len(missed)))
    found: Array = weights / weights.sum()
    return found


def _non_negative(square: Array, right: Array) -> Array:
    """Weights w >= 0 of the least w' A w / 2 - b' w, by active sets (Lawson & Hanson 1974)."""
    weights, free = np.zeros(len(right)), np.zeros(len(right), bool)
    for _ in range(10 * len(right) + 10):
        slope = right - square @ weights
        slope[free] = -np.inf
        if slope.max() <= 1e-12:
            break
        free[slope.argmax()] = True
        while True:
            own = np.flatnonzero(free)
            wanted = np.linalg.lstsq(square[np.ix_(own, own)], right[own], rcond=None)[0]
            if (wanted > 0).all():
                break
            at = weights[own]
            shares = np.full(len(own), np.inf)  # of the way to what is wanted, until a weight is 0
            falling = wanted <= 0
            shares[falling] = at[falling] / np.maximum(at - wanted, np.finfo(np.float64).tiny)[falling]
            weights[own] = np.maximum(at + shares.min() * (wanted - at), 0)
            weights[own[shares.argmin()]] = 0
            free[own[shares.argmin()]] = False
        weights[:] = 0
        weights[own] = wanted
    return weights


def _likeliest(said: Array, counts: Array) -> Array:
    """Of the greatest sum_i c_i log sum_k w_k p_ki for (groups, cells) probabilities, by expectation maximization.

    It ends where the sum is within 1e-7 of the greatest for each count (the gap is at most the largest slope less 1).
    """
    counts = counts / counts.sum()
    said = np.maximum(said, np.finfo(np.float64).tiny)
    weights = np.full(len(said), 1 / len(said))
    for _ in range(10_000):
        slopes = (said / (weights @ said)) @ counts
        if slopes.max() <= 1 + 1e-7:
            break
        weights *= slopes
    found: Array = weights / weights.sum()
    return found
