"""A model's backward pass against two-sided differences."""

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.diagnosis.differences import Differences
from lamella.diagnosis.gradient_report import ArrayCheck, GradientCheck
from lamella.diagnosis.suspects import suspects
from lamella.diagnosis.watch import Kept, Layer, Watch, require_loss, require_model
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.nn.python_layer import PythonLayer
from lamella.trainer.samples import Samples, check_samples, samples_of

_WHERE = "check_gradients"
#: Draws of the last bits of all numbers, which tell what rounding does to the loss.
_JITTERS = 8


def check_gradients(
    model: Module,
    x: Any,
    y: Any,
    loss: Loss,
    sample_weight: Any = None,
    *,
    elements: int | None = 100,
    step: float = 1e-5,
    seed: int = 0,
) -> GradientCheck:
    """Compare the backward pass with two-sided differences of the loss, (L(w + h) - L(w - h)) / 2h, in float64.

    For layers of one's own above all: those in Python, where a wrong ``backward`` trains badly rather than not at all.
    Works on a float64 copy; model and loss stay as they are, bit for bit. The copy is in the mode that the model is in,
    each layer in its own. Each pass draws the same dropout masks and noise, and begins with what layers in Python kept
    at first (a ``np.random.Generator``, for one).

    An element whose error is not small is tried with other steps, as there may be a kink between w - h and w + h. Where
    the differences from both sides disagree however small the step is (ReLU at 0), there is no derivative to compare
    with: the element is counted as a kink, and left out. What rounding of the differences can explain is no error; how
    much that is, is measured.

    Parameters
    ----------
    model : Module
    x : array-like, (n, features)
        A few rows do, such as 8: there are two passes or more for each element.
    y : array-like
        Targets, as the loss takes them.
    loss : Loss
        With ``reduction="none"``, the sum is checked.
    sample_weight : array-like, (n,), optional
        What each row counts in the loss.
    elements : int or None, default 100
        Of each parameter, and of the input, so many are checked, drawn at random if there are more: half of them from
        those whose gradient is not 0. None: all.
    step : float, default 1e-5
        h, times the magnitude of elements above 1.
    seed : int, default 0
        Of the draws.

    Returns
    -------
    GradientCheck
        ``print`` shows a table. ``.passed``, ``.error``, ``.worst``, ``.arrays`` by name ("x" is the input),
        ``.suspects``: layers whose own backward is wrong.

    Raises
    ------
    ValueError
        If data does not fit the model, the loss is not finite, or a layer gives other outputs for the same input.
    RuntimeError
        If a layer has no gradient.
    TypeError
        If ``model`` or ``loss`` is none, or cannot be copied.

    Notes
    -----
    The error of an array is |a - n| / (|a| + |n|), a the gradient by the backward pass and n the one by differences.
    1e-7 is great, 1e-5 worth another look, 1e-3 wrong.
    """
    require_model(model, _WHERE)
    require_loss(loss, _WHERE)
    if elements is not None:
        elements = _check.integer(_WHERE, "elements", elements, 1)
    step = _check.positive(_WHERE, "step", step)
    rng = np.random.default_rng(_check.seed(_WHERE, seed))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _Check(model, x, y, loss, sample_weight, step).run(elements, rng)


def double(model: Module) -> Module:
    """A copy in float64, with the present values."""
    try:
        twin: Module = copy.deepcopy(model)
    except Exception as error:
        raise TypeError(f"[{_WHERE}] the model cannot be copied: {error}") from error
    for _, module in twin.named_modules():
        if module.dtype is not None:
            module.dtype = "float64"
    twin.dtype = "float64"
    return twin


class _Check:
    """The loss as a function of numbers that may be changed: those of the copy, and of the input."""

    def __init__(self, model: Module, x: Any, y: Any, loss: Loss, sample_weight: Any, step: float) -> None:
        self._model, self._step = double(model), step
        self._loss = copy.deepcopy(loss)
        if loss.reduction == "none":
            self._loss.reduction = "sum"
        samples = samples_of(self._model, self._loss, x, y, sample_weight, _WHERE)
        check_samples(samples, _WHERE, getattr(x, "columns", None))
        weight = None if samples.weight is None else samples.weight.copy()
        self._samples = Samples(samples.x.copy(), samples.target, weight)
        self._model.check_rows(len(samples), None, _WHERE)
        self._model.check_modes(None, _WHERE)
        self._watch = Watch(self._model, samples.x.shape[1], None)
        self._kept = Kept(self._model, gradients=False)

    def value(self) -> float:
        """The loss, and what layers add to it."""
        self._kept.restore()
        self._model.clear_penalty_total()
        samples = self._samples
        outputs = self._watch.forward(samples.x, _WHERE)
        value = self._loss.measure(outputs, samples.target, samples.weight).value
        return value + (self._model.penalty_total() or 0.0)

    def run(self, elements: int | None, rng: np.random.Generator) -> GradientCheck:
        """Everything."""
        value = self.value()
        if not math.isfinite(value):
            raise ValueError(f"[{_WHERE}] the loss is {value}: standardise the data, or look for what overflows")
        first = self._watch.outputs()
        self._require_same(first)
        self._kept.restore()
        self._watch.forward(self._samples.x, _WHERE)
        self._model.zero_grad()
        dx = self._watch.backward(self._loss.backward())
        analytic = {name: parameter.grad.copy() for name, parameter in self._model.named_parameters()}
        inputs, upstream = self._watch.inputs(), self._watch.output_gradients()

        differences = Differences(self.value, self._step, self._rounding(value, rng))
        arrays = [
            _compare(name, parameter.data, analytic[name], None, differences, elements, rng)
            for name, parameter in self._model.named_parameters()
        ]
        columns = sorted(set(range(dx.shape[1])) - self._watch.index_columns())
        if columns:
            arrays.append(_compare("x", self._samples.x, dx, columns, differences, elements, rng))
        notes = dict(self._notes(inputs))
        check = GradientCheck({array.name: array for array in arrays}, (), tuple(notes.values()))
        if check.passed:
            return check
        found = suspects(self._kept, self._watch, inputs, upstream, list(notes), self._step, rng)
        return replace(check, suspects=tuple(found))

    def _require_same(self, outputs: list[Array]) -> None:
        """ValueError if the same input does not give the same outputs."""
        self.value()
        for layer, before, now in zip(self._watch.layers, outputs, self._watch.outputs(), strict=True):
            if not np.array_equal(before, now, equal_nan=True):
                raise ValueError(
                    f"[{_WHERE}] {layer} gives other outputs for the same input: let it draw its random numbers from a "
                    "np.random.Generator that it keeps as an attribute, or check it in evaluation mode (model.eval())"
                )

    def _rounding(self, value: float, rng: np.random.Generator) -> float:
        """What the loss may be wrong by: how far it moves when the last bit of every number is another."""
        numbers = [self._samples.x, *(parameter.data for _, parameter in self._model.named_parameters())]
        if self._watch.index_columns():
            numbers = numbers[1:]
        before = [array.copy() for array in numbers]
        largest = 0.0
        for _ in range(_JITTERS):
            for array, kept in zip(numbers, before, strict=True):
                array[...] = kept * (1 + np.finfo(np.float64).eps * rng.integers(-1, 2, kept.shape))
            largest = max(largest, abs(self.value() - value))
        for array, kept in zip(numbers, before, strict=True):
            array[...] = kept
        return 2 * max(largest, float(np.finfo(np.float64).eps) * abs(value))

    def _notes(self, inputs: list[Array]) -> Iterator[tuple[Layer, str]]:
        """Layers that cannot be checked, and why."""
        for layer, x in zip(self._watch.layers, inputs, strict=True):
            if isinstance(layer.module, PythonLayer):
                self._kept.restore()
                made = np.asarray(layer.module.body.forward(x.copy()))
                if made.dtype.kind == "f" and made.dtype.itemsize < 8:
                    yield (
                        layer,
                        f"{layer} gives {made.dtype} for a float64 input: too coarse for differences. Let it "
                        "compute in the type of what it gets",
                    )


def _compare(
    name: str,
    array: Array,
    gradient: Array,
    columns: list[int] | None,
    differences: Differences,
    elements: int | None,
    rng: np.random.Generator,
) -> ArrayCheck:
    """Some elements of an array, in some of its columns."""
    places = np.arange(array.size).reshape(array.shape)
    chosen = places.ravel() if columns is None else places[:, columns].ravel()
    if elements is not None and len(chosen) > elements:
        alive = chosen[gradient.ravel()[chosen] != 0]
        some = rng.choice(alive, min(len(alive), elements // 2), replace=False)
        others = rng.choice(np.setdiff1d(chosen, some), elements - len(some), replace=False)
        chosen = np.sort(np.concatenate([some, others]))
    found = []
    for place in chosen:
        index = tuple(int(i) for i in np.unravel_index(int(place), array.shape))
        found.append(differences.compare(array, index, float(gradient[index])))
    return ArrayCheck(name, array.shape, tuple(found))
