"""The least value of a function of many numbers, by its gradient."""

from collections import deque
from collections.abc import Callable

import numpy as np

from lamella._arrays import Array

#: Value and gradient at a point.
Objective = Callable[[Array], tuple[float, Array]]


def minimize(
    objective: Objective, start: Array, steps: int = 1000, memory: int = 50, tolerance: float = 1e-9
) -> tuple[Array, float]:
    """L-BFGS (Liu & Nocedal 1989) with the line search of Lewis & Overton 2013, which needs no smoothness.

    Parameters
    ----------
    objective : callable
    start : ndarray
    steps : int
        At most.
    memory : int
        Steps that curvature is taken from.
    tolerance : float
        It ends where no entry of the gradient is larger.

    Returns
    -------
    tuple
        The point, and the value there.
    """
    point = start
    value, gradient = objective(point)
    pairs: deque[tuple[Array, Array]] = deque(maxlen=memory)
    for _ in range(steps):
        if not np.abs(gradient).max() > tolerance:
            break
        direction = -_by_curvature(gradient, pairs)
        found = _search(objective, point, value, gradient, direction)
        if found is None:
            if not pairs:
                break
            pairs.clear()  # once more, straight downhill
            continue
        change, gain = found[0] - point, found[2] - gradient
        if change @ gain > 0:
            pairs.append((change, gain))
        point, value, gradient = found
    return point, value


def _by_curvature(gradient: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """The gradient times an approximation of the inverse Hessian."""
    direction: Array = gradient.copy()
    shares = []
    for change, gain in reversed(pairs):
        share = (change @ direction) / (change @ gain)
        direction -= share * gain
        shares.append(share)
    if pairs:
        change, gain = pairs[-1]
        direction *= (change @ gain) / (gain @ gain)
    else:
        direction /= max(1.0, float(np.linalg.norm(gradient)))
    for (change, gain), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - (gain @ direction) / (change @ gain)) * change
    return direction


def _search(
    objective: Objective, point: Array, value: float, gradient: Array, direction: Array
) -> tuple[Array, float, Array] | None:
    """A point in that direction where the value is lower and the slope flatter; None if there is none."""
    slope = float(gradient @ direction)
    low, high, step = 0.0, np.inf, 1.0
    best = None
    for _ in range(60):
        new = point + step * direction
        there, bend = objective(new)
        if not there < value + 1e-4 * step * slope:  # also NaN
            high = step
        else:
            best = new, there, bend
            if float(bend @ direction) >= 0.9 * slope:
                break
            low = step
        step = (low + high) / 2 if high < np.inf else 2 * low
    return best
