"""Layers whose own backward does not fit their forward, each by itself."""

from collections.abc import Iterator, Sequence

import numpy as np

from lamella._arrays import Array
from lamella.diagnosis.differences import Differences
from lamella.diagnosis.watch import Kept, Layer, Watch

#: A layer whose own backward is further than this from differences is to blame.
_SUSPECT = 1e-5
#: Along which it is tried, for each parameter and for the input.
_DIRECTIONS = 8


def suspects(
    kept: Kept,
    watch: Watch,
    inputs: Sequence[Array],
    upstream: Sequence[Array],
    without: Sequence[Layer],
    step: float,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Those to blame of a float64 model, all but some, by what each got and by the gradient of what it made."""
    for layer, x, dy in zip(watch.layers, inputs, upstream, strict=True):
        if layer in without:
            continue
        scale = float(np.abs(dy).max())
        alone = _Alone(kept, layer, x, dy / scale if scale > 0 else np.ones_like(dy))
        if any(error > _SUSPECT for error in alone.errors(step, rng, watch.index_columns())):
            yield str(layer)


class _Alone:
    """One layer of the copy, as the function sum(dy * y) of its input and its parameters."""

    def __init__(self, kept: Kept, layer: Layer, x: Array, dy: Array) -> None:
        self._kept, self._module, self._x, self._dy = kept, layer.module, x, dy

    def value(self) -> float:
        """sum(dy * y), and what the layer adds to the loss."""
        self._kept.restore()
        self._module.clear_penalty_total()
        terms = self._dy * self._module(self._x)
        self._size = float(np.abs(terms).sum())
        return float(terms.sum()) + (self._module.penalty_total() or 0.0)

    def errors(self, step: float, rng: np.random.Generator, indices: set[int]) -> Iterator[float]:
        """Of the derivative along random directions, by the input and by each parameter."""
        self.value()
        rounding = 16 * float(np.finfo(np.float64).eps) * self._size
        self._module.zero_grad()
        dx = self._module.backward(self._dy)
        gradients = [(p.data, p.grad.copy()) for _, p in self._module.named_parameters()]
        for array, gradient in gradients:
            for _ in range(_DIRECTIONS):
                yield self._along(array, gradient, rng.standard_normal(array.shape), step, rounding)
        for row in rng.permutation(0 if indices else len(dx))[
            :_DIRECTIONS
        ]:  # one row at a time: others may be at kinks
            direction = np.zeros(dx.shape)
            direction[row] = rng.standard_normal(dx.shape[1])
            yield self._along(self._x, dx, direction, step, rounding)

    def _along(self, array: Array, gradient: Array, direction: Array, step: float, rounding: float) -> float:
        start, distance = array.copy(), np.zeros(1)

        def value() -> float:
            array[...] = start + distance[0] * direction
            return self.value()

        try:
            found = Differences(value, step, rounding).compare(distance, (0,), float((gradient * direction).sum()))
        finally:
            array[...] = start
        return 0.0 if found.kink else found.error
