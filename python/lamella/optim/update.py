"""What an optimizer says of its update, and the ops that come of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lamella import _core
from lamella.nn.builder import NOTHING, Op
from lamella.nn.parameter import Parameter

if TYPE_CHECKING:
    from lamella.optim.group import Block
    from lamella.optim.slots import Slots


@dataclass(frozen=True)
class Update:
    """The update of a group's matrices, or of its vectors.

    Without ``ops`` it is one pass of ``kernel`` over each run of neighbours in the arena, with operands (value, slots,
    running scalars if any, gradient, scale) and size (count).

    Parameters
    ----------
    kernel : str
    slots : tuple of str or None
        State in arrays, in the kernel's order; None: the kernel gets a null pointer.
    fields : mapping
        The kernel's settings after those of UpdateHyper.
    running : mapping
        State in scalars, with first values: names and order as the kernel's ``running``.
    ops : callable, optional
        Gives the ops of one parameter, in stages: each stage waits for the one before.
    """

    kernel: str
    slots: tuple[str | None, ...] = ()
    fields: Mapping[str, float] = field(default_factory=dict)
    running: Mapping[str, float] = field(default_factory=dict)
    ops: "Callable[[Place], Iterable[Op]] | None" = None


class Place:
    """One parameter, or a run of them, in a program: where an update finds its operands."""

    def __init__(self, places: "Places", parameters: Sequence[Parameter]) -> None:
        self._program, self._block, self._slots, self.scale = places.program, places.block, places.slots, places.scale
        self.parameter = parameters[0]
        self.value = run_operand(_core.Arena.values, parameters)
        self.grad = run_operand(_core.Arena.grads, parameters)
        self.count = self.value.size

    def slot(self, name: str | None) -> _core.Operand:
        """That state of the parameter, or of the run."""
        return NOTHING if name is None else self._slots.operand(name, self.parameter, self.count)

    def hyper(self, first: str = "step") -> int:
        """The settings, from that field on."""
        return self._block.settings.index(first)

    def buffer(self, count: int) -> _core.Operand:
        """Scratch space of the program."""
        return self._program.fixed(count)

    def sums(self, count: int) -> _core.Operand:
        """Scratch space for so many doubles."""
        return self._program.fixed(count * doubles(self._program.dtype))

    def flat(self, update: Update) -> Op:
        """The op of an update that is elementwise."""
        running = [self._block.running] if update.running else []
        operands = [self.value, *map(self.slot, update.slots), *running, self.grad, self.scale]
        return Op(update.kernel, operands, [self.count], self.hyper())


@dataclass(frozen=True)
class Places:
    """What the places of a block's parameters in one program have in common."""

    program: _core.Program
    block: "Block"
    slots: "Slots"
    scale: _core.Operand

    def of(self, parameters: Sequence[Parameter]) -> Place:
        """That of a parameter, or of a run."""
        return Place(self, parameters)


def doubles(dtype: _core.DType) -> int:
    """Elements of that type that a double takes."""
    return 2 if dtype == _core.DType.float32 else 1


def matrix_shape(parameter: Parameter) -> tuple[int, int]:
    """Rows and columns as stored; a unit's weights are a column where the parameter is transposed, else a row."""
    units, rest = parameter.shape[0], parameter.size // parameter.shape[0]
    return (rest, units) if parameter.transposed else (units, rest)


def runs(parameters: Iterable[Parameter]) -> Iterator[list[Parameter]]:
    """Neighbours in the arena of one kind, matrices or vectors; the padding between them belongs to them."""
    run: list[Parameter] = []
    for parameter in sorted(parameters, key=lambda p: p.offset):
        end = run[-1].offset + run[-1].size if run else 0
        if run and (is_matrix(parameter) != is_matrix(run[-1]) or parameter.offset - end >= 16):
            yield run
            run = []
        run.append(parameter)
    if run:
        yield run


def run_operand(arena: _core.Arena, run: Sequence[Parameter], slot: int = 0) -> _core.Operand:
    """A run, in an arena that has the offsets of values."""
    begin = run[0].offset
    return _core.Operand(arena, begin, run[-1].offset + run[-1].size - begin, slot=slot)


def is_matrix(parameter: Parameter) -> bool:
    """Whether it is a weight, which penalties act on by default."""
    return len(parameter.shape) >= 2
