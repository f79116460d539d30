"""Collects what layers emit, forward and backward, and makes a Program of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lamella import _core
from lamella.nn.precision import Precision

if TYPE_CHECKING:
    from lamella.nn.module import Module
    from lamella.nn.parameter import Parameter

NOTHING = _core.Operand(_core.Arena.none)


@dataclass
class Value:
    """A batch of activations inside a program: (n, width), and where its gradient goes."""

    operand: _core.Operand
    width: int
    grad: _core.Operand = NOTHING

    @property
    def wants_grad(self) -> bool:
        """Whether anybody asks for the gradient."""
        return self.grad != NOTHING


@dataclass
class Op:
    """One op, as Program.append takes it."""

    kernel: str
    operands: Sequence[_core.Operand]
    sizes: Sequence[int] = ()
    hyper: int = -1


class PythonBody(Protocol):
    """What runs a layer in Python between two native parts."""

    def run_forward(self, x: Value, y: Value, runner: _core.Runner, n: int, training: bool) -> None:
        """Fill y from x."""

    def run_backward(self, x: Value, y: Value, runner: _core.Runner, n: int) -> None:
        """Fill the gradient of x from that of y."""


@dataclass
class PythonStep:
    """A layer in Python, and the values before and after it."""

    layer: PythonBody
    x: Value
    y: Value
    training: bool


#: One layer's part of the backward pass, which takes these in reverse.
Block = list[Op | PythonStep]

#: One step of a replay: the first and last of consecutive ranges of the program, or a call into Python.
Step = tuple[int, int] | PythonStep


class Reached(Exception):  # noqa: N818 - nothing went wrong
    """Construction has come to the layer that it was to stop at."""

    def __init__(self, x: Value) -> None:
        super().__init__()
        self.x = x


class Builder:
    """A network under construction.

    Parameters
    ----------
    dtype : _core.DType
        Of all arrays.
    training : bool or None
        Which of the two behaviours layers emit; None: each its own, by its ``training``.
    accumulate : bool
        Whether backward ops add to parameter gradients (by hand) or overwrite them (a whole step).
    precision : Precision
        Of products.
    """

    def __init__(
        self,
        dtype: _core.DType,
        training: bool | None,
        accumulate: bool = False,
        precision: Precision = Precision(),  # noqa: B008 - it never changes
    ) -> None:
        self.program = _core.Program(dtype)
        self._training = training
        self.accumulate = accumulate
        self._precision = precision
        self._element_bits = 32 if dtype == _core.DType.float32 else 64
        self._forward: list[Op | PythonStep] = []
        self._backward: list[Block] = [[]]
        self._ticks: list[int] = []
        self._weight_blocks: dict[int, Block] = {}  # by the parameter's identity
        #: Construction stops at this layer, where :class:`Reached` says what that gets.
        self.stop: Module | None = None
        #: The model's own input, which some layers have to read.
        self.input: Value | None = None
        #: Columns of the input that hold whole numbers, and how many values those may have: from 0 on.
        self.indices: list[tuple[int, int]] = []
        self._no_backward: str | None = None
        #: What each layer of a container gets and makes: container, number, x and y, in the order they are emitted.
        self.passed: list[tuple[Module, int, Value, Value]] = []

    # What layers call.

    def trains(self, layer: "Module") -> bool:
        """Whether that layer is to emit its training behaviour."""
        return layer.training if self._training is None else self._training

    def reach(self, layer: "Module", x: Value) -> None:
        """That layer is next, and gets x."""
        if layer is self.stop:
            raise Reached(x)

    def value(self, width: int) -> Value:
        """A new (n, width) batch, with a gradient."""
        return Value(self.program.rows(width), width, self.program.rows(width))

    def passing(self, x: Value, width: int) -> Value:
        """What a layer that trains nothing makes of ``x``: with a gradient only if that has one."""
        return self.value(width) if x.wants_grad else Value(self.rows(width), width)

    def rows(self, width: int) -> _core.Operand:
        """A buffer of ``width`` elements a row."""
        return self.program.rows(width)

    def bits(self, width: int) -> _core.Operand:
        """A buffer of ``width`` bits a row, in 64-bit words."""
        return self.program.rows(-(-width // self._element_bits))

    def fixed(self, count: int) -> _core.Operand:
        """A buffer of ``count`` elements, whatever the batch."""
        return self.program.fixed(count)

    def keep(self, value: Value) -> None:
        """Python reads or writes this value and its gradient between replays."""
        for operand in (value.operand, value.grad):
            if operand.arena == _core.Arena.rows:
                self.program.keep(operand)

    def begin_layer(self) -> Block:
        """What follows belongs to another layer: the backward pass takes layers in reverse.

        The block that is returned stays open: :meth:`backward` takes it, for what is to come after the backward of
        layers that are emitted later.
        """
        block: Block = []
        self._backward.append(block)
        return block

    def begin_weight(self, parameter: "Parameter") -> None:
        """Begin a block with the gradient of a weight: :meth:`weight_block` finds it."""
        self._weight_blocks[id(parameter)] = self.begin_layer()

    def weight_block(self, parameter: "Parameter") -> Block | None:
        """Where the gradient of that weight is made; None if its layer is no part of this network (so far)."""
        return self._weight_blocks.get(id(parameter))

    def forward(
        self, kernel: str, operands: Sequence[_core.Operand], sizes: Sequence[int] = (), hyper: int = -1
    ) -> None:
        """Append an op to the forward pass."""
        self._forward.append(Op(kernel, operands, sizes, hyper))

    def backward(
        self,
        kernel: str,
        operands: Sequence[_core.Operand],
        sizes: Sequence[int] = (),
        hyper: int = -1,
        block: Block | None = None,
    ) -> None:
        """Append an op to this layer's backward pass, or to that of an earlier ``block``."""
        (self._backward[-1] if block is None else block).append(Op(kernel, operands, sizes, hyper))

    def python(self, layer: PythonBody, x: Value, y: Value, training: bool) -> None:
        """A layer in Python: the native part ends here and starts again after it."""
        self.keep(x)
        self.keep(y)
        step = PythonStep(layer, x, y, training)
        self._forward.append(step)
        self._backward[-1].append(step)

    def no_backward(self, reason: str) -> None:
        """This layer can only predict: who wants a backward pass through it gets the reason as an error."""
        self._no_backward = self._no_backward or reason

    def tick(self, scalar: int) -> None:
        """Count this scalar up at each forward pass."""
        self._ticks.append(scalar)

    # What assembles the program.

    def enter(self, x: Value) -> Value:
        """The model's own input: what its first layer gets."""
        self.input = x
        return x

    @property
    def all_native(self) -> bool:
        """Whether no layer runs in Python."""
        return not any(isinstance(step, PythonStep) for step in self._forward)

    def require_backward(self) -> None:
        """RuntimeError if some layer has no backward pass."""
        if self._no_backward is not None:
            raise RuntimeError(self._no_backward)

    def redirect(self, value: Value, to: _core.Operand) -> None:
        """The forward pass writes ``value`` to another place."""
        for step in self._forward:
            if isinstance(step, Op):
                step.operands = [to if operand == value.operand else operand for operand in step.operands]

    def add_forward(self) -> list[Step]:
        """Write the forward pass into the program; the steps that replay it."""
        return self._add("forward", self._forward, self._ticks)

    def add_backward(self) -> list[Step]:
        """Write the backward pass into the program, last layer first; the steps that replay it."""
        return self._add("backward", [step for layer in reversed(self._backward) for step in layer])

    def add_ops(self, name: str, ops: Sequence[Op], ticks: Sequence[int] = ()) -> list[Step]:
        """Write a range of its own, such as an update, into the program."""
        return self._add(name, list(ops), ticks)

    def _add(self, name: str, steps: Sequence[Op | PythonStep], ticks: Sequence[int] = ()) -> list[Step]:
        added: list[Step] = []
        inside = False  # of a range
        if ticks:
            added.append(self._open(name))
            for scalar in ticks:
                self.program.tick(scalar)
            inside = True
        for step in steps:
            if isinstance(step, PythonStep):
                added.append(step)
                inside = False
                continue
            if not inside:
                added.append(self._open(name))
                inside = True
            kernel, sizes = self._precision.op(step.kernel, list(step.sizes))
            self.program.append(kernel, step.operands, sizes, step.hyper)
        return added

    def _open(self, name: str) -> tuple[int, int]:
        number = self.program.open_range(name)
        return number, number
