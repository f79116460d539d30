"""Runs a loss by hand: a program of one op."""

from typing import TYPE_CHECKING, NamedTuple

from lamella import _core
from lamella._arrays import Array
from lamella.nn.builder import NOTHING, Value

if TYPE_CHECKING:
    from lamella.nn.loss.base import Loss


class Measured(NamedTuple):
    """What a loss op finds: its value and score, and what rows the two are averages of weigh together."""

    value: float
    score: float
    weight: float
    scored: float


class LossRunner:
    """The program of a loss on outputs of one width."""

    def __init__(self, loss: "Loss", dtype: str, width: int, kind: _core.Targets, gradient: bool = True) -> None:
        native = getattr(_core.DType, dtype)
        self._settings = loss.make_settings(width)
        memory = _core.Memory(native, 0, 0, len(self._settings))
        self._settings.place(memory, 0)
        program = _core.Program(native)
        self._outputs = Value(_core.Operand(_core.Arena.input), width, program.rows(width))
        if gradient:
            program.keep(self._outputs.grad)
        self._losses_width = loss.losses_width(width)
        self._losses = NOTHING
        if loss.reduction == "none":
            self._losses = program.rows(self._losses_width or 1)
            program.keep(self._losses)
        program.open_range("loss")
        op = loss.op(program, self._outputs, self._settings, kind, gradient, self._losses)
        program.append(op.kernel, list(op.operands), list(op.sizes), op.hyper)
        program.finalize()
        self.runner = _core.Runner(program, memory)

    @property
    def result(self) -> int:
        """First of the scalars that hold what is found."""
        return self._settings.index("value")

    def run(self, outputs: Array, target: Array, weight: Array | None) -> Measured:
        """The loss of checked arrays."""
        return Measured(*self.runner.step(0, 0, outputs, target, weight, self.result))

    def gradient(self, n: int) -> Array:
        """A copy of the last (n, width) gradient."""
        gradient: Array = self.runner.view(self._outputs.grad, n, self._outputs.width).copy()
        return gradient

    def losses(self, n: int) -> Array:
        """A copy of the last losses."""
        losses: Array = self.runner.view(self._losses, n, self._losses_width or 1).copy()
        return losses.reshape(self.shape(n))

    def shape(self, n: int) -> tuple[int, ...]:
        """Of what the loss gives for n rows."""
        if self._losses == NOTHING:
            return ()
        return (n,) if self._losses_width is None else (n, self._losses_width)
