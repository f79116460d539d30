"""Where an optimizer keeps its state in arrays."""

from collections.abc import Callable, Iterable

from lamella import _core
from lamella._arrays import Array
from lamella.nn.parameter import Parameter, when_gone

#: State of a parameter: its name and shape.
Shapes = Callable[[Parameter], dict[str, tuple[int, ...]]]

_LINE = 16


class Slots:
    """The arrays of one optimizer in one memory, at the same offsets as the parameters: a slot for each name.

    Parameters
    ----------
    owner : object
        When it goes, they go.
    """

    def __init__(self, owner: object, memory: _core.Memory, names: list[str]) -> None:
        first = memory.add_slots(len(names)) if names else 0
        when_gone(owner, memory.release_slots, first, len(names))
        self._numbers = {name: first + place for place, name in enumerate(names)}

    def operand(self, name: str, parameter: Parameter, count: int) -> _core.Operand:
        """``count`` elements from that parameter on."""
        return _core.Operand(_core.Arena.slots, parameter.offset, count, slot=self._numbers[name])

    def view(self, name: str, parameter: Parameter) -> Array:
        """That state of a parameter: writable, in its shape."""
        return parameter.slot(self._numbers[name])


class CompactSlots(Slots):
    """Arrays of shapes of their own, one after the other: parameters differ in what they keep."""

    def __init__(self, owner: object, memory: _core.Memory, parameters: Iterable[Parameter], shapes: Shapes) -> None:
        self._places: dict[tuple[int, str], tuple[int, tuple[int, ...], bool]] = {}
        total = 0
        for parameter in parameters:
            for name, shape in shapes(parameter).items():
                self._places[id(parameter), name] = (total, shape, parameter.transposed and shape == parameter.shape)
                size = 1
                for extent in shape:
                    size *= extent
                total += -(-size // _LINE) * _LINE
        self._memory = memory
        self._slot = memory.add_slots(1, total)
        when_gone(owner, memory.release_slots, self._slot, 1)

    def operand(self, name: str, parameter: Parameter, count: int) -> _core.Operand:
        """That state of a parameter."""
        offset, shape, _ = self._places[id(parameter), name]
        size = 1
        for extent in shape:
            size *= extent
        return _core.Operand(_core.Arena.slots, offset, size, slot=self._slot)

    def view(self, name: str, parameter: Parameter) -> Array:
        """That state of a parameter: writable."""
        offset, shape, transposed = self._places[id(parameter), name]
        stored = list(shape[::-1] if transposed else shape)
        view: Array = self._memory.view(_core.Arena.slots, self._slot, offset, stored)
        return view.T if transposed else view
