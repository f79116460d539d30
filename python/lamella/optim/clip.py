"""Gradient clipping, by global norm and by value."""

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from lamella import _core
from lamella.nn import _check
from lamella.nn.builder import NOTHING, Op
from lamella.nn.parameter import Parameter, Settings, when_gone
from lamella.optim.settings import positive_or_none
from lamella.optim.update import doubles, run_operand, runs


class GradientFactor:
    """What all gradients in one memory are multiplied by: clipping by global norm, the mean over several batches."""

    def __init__(self, owner: object, memory: _core.Memory, parameters: Iterable[Parameter]) -> None:
        self._memory, self._parameters = memory, list(parameters)
        self.settings = Settings(max_norm=math.inf, others=0.0, squares=0.0, norm=math.nan, factor=1.0, gradients=1.0)
        self.settings.place(memory, memory.add_scalars(len(self.settings)))
        when_gone(owner, memory.release_scalars, self.settings.offset, len(self.settings))
        self._sums: int | None = None  # the slot for sums of squares

    @cached_property
    def _grads(self) -> list[_core.Operand]:
        return [run_operand(_core.Arena.grads, run) for run in runs(self._parameters)]

    @cached_property
    def _chunks(self) -> int:
        return sum(_core.sum_chunks(grad.size) for grad in self._grads)

    def make_room(self, owner: object) -> None:
        """A place for sums of squares, for as long as ``owner`` lives."""
        if self._sums is None:
            memory = self._memory
            self._sums = memory.add_slots(1, self._chunks * doubles(memory.dtype))
            when_gone(owner, memory.release_slots, self._sums, 1)

    @property
    def gradients(self) -> _core.Operand:
        """How many gradients were added up."""
        return _core.Operand(_core.Arena.scalars, self.settings.index("gradients"))

    def _sums_at(self, first: int, count: int) -> _core.Operand:
        assert self._sums is not None
        size = doubles(self._memory.dtype)
        return _core.Operand(_core.Arena.slots, first * size, count * size, slot=self._sums)

    def squares(self) -> list[Op]:
        """Ops that sum up the squares of the gradients, chunk by chunk."""
        ops, chunk = [], 0
        for grad in self._grads:
            chunks = _core.sum_chunks(grad.size)
            ops.append(Op("gradient_squares", [self._sums_at(chunk, chunks), grad], [grad.size]))
            chunk += chunks
        return ops

    def factor(self, clips: bool, accumulates: bool) -> tuple[Op, _core.Operand]:
        """The op that makes a factor of them, and the factor."""
        result = _core.Operand(_core.Arena.scalars, self.settings.index("squares"), 3)
        sums = self._sums_at(0, self._chunks) if clips else NOTHING
        gradients = self.gradients if accumulates else NOTHING
        op = Op("gradient_factor", [result, sums, gradients], [self._chunks], self.settings.offset)
        return op, _core.Operand(_core.Arena.scalars, self.settings.index("factor"))


def clear_ops(parameters: Iterable[Parameter], gradients: _core.Operand) -> list[Op]:
    """Ops that set gradients to zero, before several are added up."""
    grads = [run_operand(_core.Arena.grads, run) for run in runs(parameters)]
    return [Op("gradient_clear", [grad, gradients], [grad.size]) for grad in grads]


def _flat_gradients(parameters: Any, where: str) -> list[tuple[Any, _core.DType]]:
    """Gradients as they lie in memory, and their types."""
    given = [parameters] if isinstance(parameters, Parameter) else parameters
    if not isinstance(given, Iterable):
        raise TypeError(f"[{where}] parameters is {parameters!r} but must be a list of parameters: model.parameters()")
    found = []
    for parameter in given:
        if not isinstance(parameter, Parameter):
            raise TypeError(f"[{where}] {parameter!r} is no parameter of a lamella model")
        memory = parameter.memory
        if memory is None:
            raise ValueError(f"[{where}] {parameter!r} has no gradient yet; take it from model.parameters()")
        flat = memory.view(_core.Arena.grads, 0, parameter.offset, [parameter.size])
        found.append((flat, memory.dtype))
    return found


def clip_grad_norm_(
    parameters: Iterable[Parameter] | Parameter, max_norm: float, error_if_nonfinite: bool = False
) -> float:
    """Scale gradients so that their global norm is at most ``max_norm``: by max_norm / (norm + 1e-6), at most 1.

    Pascanu et al. 2013; as PyTorch's.

    Between ``model.backward`` and ``optimizer.step``. An optimizer's ``clip_norm`` does the same inside its update,
    without writing the gradients.

    Parameters
    ----------
    parameters : iterable of Parameter
        ``model.parameters()``.
    max_norm : float
        Above 0.
    error_if_nonfinite : bool, default False
        RuntimeError, and nothing changed, if the norm is infinite or NaN.

    Returns
    -------
    float
        The Euclidean norm of all gradients together, before.
    """
    where = "clip_grad_norm_"
    gradients = _flat_gradients(parameters, where)
    most = positive_or_none(where, "max_norm", max_norm)
    if most is None:
        raise TypeError(f"[{where}] max_norm is None but must be a number")
    _check.flag(where, "error_if_nonfinite", error_if_nonfinite)
    squares = []
    for grad, dtype in gradients:
        sums = np.zeros(_core.sum_chunks(grad.size))
        _core.call_kernel("gradient_squares", [sums, grad], 0, [grad.size], None, dtype)
        squares.append(float(sums.sum()))
    norm = math.sqrt(sum(squares))
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"[{where}] the norm of the gradients is {norm}")
    factor = most / (norm + 1e-6)
    if not factor >= 1:  # also where it is NaN, as PyTorch does
        by = np.array([factor])
        for grad, dtype in gradients:
            _core.call_kernel("gradient_scale", [grad, grad, by], 0, [grad.size], None, dtype)
    return norm


def clip_grad_value_(parameters: Iterable[Parameter] | Parameter, clip_value: float) -> None:
    """Cut each element of the gradients to [-clip_value, clip_value]; as PyTorch's.

    Between ``model.backward`` and ``optimizer.step``. An optimizer's ``clip_value`` does the same inside its update,
    without writing the gradients.

    Parameters
    ----------
    parameters : iterable of Parameter
        ``model.parameters()``.
    clip_value : float
        Above 0.
    """
    where = "clip_grad_value_"
    gradients = _flat_gradients(parameters, where)
    most = positive_or_none(where, "clip_value", clip_value)
    if most is None:
        raise TypeError(f"[{where}] clip_value is None but must be a number")
    for grad, dtype in gradients:
        _core.call_kernel("gradient_clamp", [grad, grad], 0, [grad.size], np.array([most]), dtype)
