"""Several changes one after the other, and changes of some rows alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.data.callable import takes_targets
from lamella.nn import _check


class Compose:
    """Changes one after the other.

    Parameters
    ----------
    *changes : callable
        Each f(x, rng), which returns x; or f(x, y, rng), which returns x and y. If there is one of the second kind, the
        whole is of that kind.
    """

    def __init__(self, *changes: Callable[..., Any]) -> None:
        self.changes = changes
        self._kinds = [takes_targets(change, "Compose") for change in changes]
        self.takes_targets = any(self._kinds)

    def __call__(self, x: Array, *given: Any) -> Any:
        """``(x, rng) -> x``, or ``(x, y, rng) -> x, y``."""
        *targets, rng = given
        if len(targets) != int(self.takes_targets):
            raise TypeError(f"[Compose] it is a function of {'(x, y, rng)' if self.takes_targets else '(x, rng)'}")
        y = targets[0] if targets else None
        for change, kind in zip(self.changes, self._kinds, strict=True):
            if kind:
                x, y = change(x, y, rng)
            else:
                x = change(x, rng)
        return (x, y) if self.takes_targets else x

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.changes))})"


class Sometimes:
    """A change of each row with a probability, the others as they are.

    Parameters
    ----------
    change : callable
        f(x, rng), which returns x.
    p : float, default 0.5
        In [0, 1].
    """

    takes_targets = False

    def __init__(self, change: Callable[..., Any], p: float = 0.5) -> None:
        if takes_targets(change, "Sometimes"):
            raise TypeError(f"[Sometimes] change is {change!r:.80} but must be a function f(x, rng)")
        self.change, self.p = change, _check.number("Sometimes", "p", p, 0, 1)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        """The same shape."""
        rows = np.flatnonzero(rng.random(len(x)) < self.p)
        if len(rows) == 0:
            return x
        changed: Array = x.copy()
        changed[rows] = self.change(x[rows], rng)
        return changed

    def __repr__(self) -> str:
        return f"Sometimes({self.change!r}, p={self.p!r})"
