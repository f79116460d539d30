"""What layers have in common whose numbers come from data and are not trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamella.nn.module import Module
from lamella.nn.parameter import State


class Fixed(Module):
    """A layer of :class:`State` alone. Until it has values there is nothing that it could compute."""

    #: What a layer without values is told to do.
    remedy: str

    def fixed(self, *shape: int) -> State:
        """An array that has no values yet."""
        return State(shape, np.nan)

    def require_values(self) -> None:
        """RuntimeError if there are none; ValueError if they are too large for the model's dtype."""
        where = type(self).__name__
        for name, item in self._arrays():
            values = item.detach()
            if values is None or np.isnan(values).any():
                raise RuntimeError(f"[{where}] it has no values yet: {self.remedy}")
            if not np.isfinite(values).all():
                raise ValueError(f'[{where}] {name} is too large for {values.dtype}; use dtype="float64"')


def named(columns: Sequence[Any] | np.ndarray[Any, Any]) -> str:
    """The first of some columns, for a message."""
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    return f"column{'s' if len(columns) > 1 else ''} {', '.join(map(str, columns[:5]))}{more}"
