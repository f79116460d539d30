"""Arrays that live in a model's arenas: trained parameters and saved state."""

import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, to_array

Initializer = Callable[[np.random.Generator, tuple[int, ...]], Array]


def when_gone(owner: object, release: Callable[..., None], *arguments: int) -> None:
    """Give back what ``owner`` holds in a memory as soon as it is gone; not at exit, when threads may still use it."""
    weakref.finalize(owner, release, *arguments).atexit = False


class Stored:
    """An array with a place in one of a model's arenas. Before it has one, it keeps its values itself.

    Parameters
    ----------
    shape : tuple of int
        Shape that users see.
    init : callable or float
        ``init(rng, shape)`` gives the first values; or they all are a number.
    transposed : bool
        Whether the (two-dimensional) array is stored the other way round, as kernels like it. Users never see that.
    """

    arena: _core.Arena

    def __init__(self, shape: tuple[int, ...], init: Initializer | float, transposed: bool = False) -> None:
        self.shape = shape
        #: Number of elements.
        self.size = math.prod(shape)
        self.init = init
        self.transposed = transposed
        self.name = ""
        self._memory: _core.Memory | None = None
        self._offset = 0
        self._values: Array | None = None  # kept here while there is no memory

    def draw(self, memory: _core.Memory, offset: int, key: Sequence[int]) -> None:
        """If there are no values yet, write first ones to where this array will be; it stays where it is.

        They are a function of ``key``.
        """
        if self._memory is None and self._values is None:
            values: Array | float
            if callable(self.init):
                rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
                values = self.init(rng, self.shape)
            else:
                values = self.init
            self._view_in(memory, self.arena, 0, offset)[...] = values

    def place(self, memory: _core.Memory, offset: int) -> None:
        """Move to ``memory``, with the present values if there are any."""
        values = self.detach()
        self._memory, self._offset, self._values = memory, offset, None
        if values is not None:
            self._write(values)

    def _write(self, values: Any) -> None:
        with np.errstate(over="ignore"):  # what is too large for the model's dtype becomes infinite
            self._view(self.arena)[...] = values

    def put(self, values: Array) -> None:
        """Set the values: in the model's memory, or, while there is none, here in float64."""
        if self._memory is None:
            self._values = np.array(values, np.float64)
        else:
            self._write(values)

    def detach(self) -> Array | None:
        """A copy of the values, or None if there are none yet."""
        return self._values if self._memory is None else self._view(self.arena).copy()

    @property
    def memory(self) -> _core.Memory | None:
        """The memory that holds the values, or None before the model is used."""
        return self._memory

    @property
    def offset(self) -> int:
        """Offset in its arena, in elements."""
        return self._offset

    @property
    def operand(self) -> _core.Operand:
        """The values, for an op."""
        return _core.Operand(self.arena, self._offset, self.size)

    def _view(self, arena: _core.Arena, slot: int = 0) -> Array:
        if self._memory is None:
            raise RuntimeError(
                f"[{type(self).__name__}] {self.name or 'an array'} has no values yet; model.parameters() gives it some"
            )
        return self._view_in(self._memory, arena, slot, self._offset)

    def _view_in(self, memory: _core.Memory, arena: _core.Arena, slot: int, offset: int) -> Array:
        shape = list(self.shape[::-1] if self.transposed else self.shape)
        view: Array = memory.view(arena, slot, offset, shape)
        return view.T if self.transposed else view

    @property
    def data(self) -> Array:
        """The values: a view, writable, of the model's own memory."""
        return self._view(self.arena) if self._values is None else self._values

    def assign(self, values: Any, where: str) -> None:
        """Overwrite the values; ValueError if the shape is another."""
        self.data[...] = self.checked(values, where)

    def checked(self, values: Any, where: str) -> Array:
        """``values`` as an array of this shape, or an error."""
        array = to_array(values, self.name or "the value", where)
        if array.shape != self.shape:
            raise ValueError(f"[{where}] {self.name} has shape {array.shape} but the model's is {self.shape}")
        return array

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.update(_memory=None, _offset=0, _values=self.detach())
        return state

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name or 'unnamed'}, shape={self.shape})"


class Parameter(Stored):
    """A trained array. ``data`` and ``grad`` are views of the model's memory in PyTorch's shape.

    Layers make theirs; a layer in Python may have some, too, see :class:`lamella.nn.PythonLayer`.

    Parameters
    ----------
    shape : tuple of int
    init : callable or float
        ``init(rng, shape)`` gives the first values; or they all are a number.
    transposed : bool, default False
        Whether a matrix is stored the other way round, as kernels like it; ``data`` has the shape given.
    """

    arena = _core.Arena.values

    @property
    def grad(self) -> Array:
        """The gradient: a view, writable."""
        return self._view(_core.Arena.grads)

    @property
    def grad_operand(self) -> _core.Operand:
        """The gradient, for an op."""
        return _core.Operand(_core.Arena.grads, self._offset, self.size)

    def slot(self, number: int) -> Array:
        """This parameter's part of optimizer slot ``number``: a view, writable."""
        return self._view(_core.Arena.slots, number)


class State(Stored):
    """An array that is saved with the model but not trained, such as a running mean."""

    arena = _core.Arena.state


class Settings:
    """A module's block of scalars: hyper-parameters and counters, fields of 8 bytes that kernels read at each replay.

    Parameters
    ----------
    **fields : float, int or float64 array
        Names and first values, in the order of the kernel's struct: an int as an integer, a float as a double, an array
        as so many doubles.
    """

    def __init__(self, **fields: float | int | Array) -> None:
        #: Where each field is in the block: a number at a place, an array in a slice.
        self.fields: dict[str, int | slice] = {}
        values: list[float] = []
        for name, value in fields.items():
            first = len(values)
            if isinstance(value, np.ndarray):
                values.extend(value)
                self.fields[name] = slice(first, len(values))
            else:
                values.append(value)
                self.fields[name] = first
        self._offset = 0
        self._keep(np.array(values, np.float64))
        self._integers = {name for name, value in fields.items() if isinstance(value, int)}
        for name in self._integers:
            self[name] = fields[name]

    def _keep(self, block: Array) -> None:
        self._doubles, self._words = block, block.view(np.uint64)

    def __len__(self) -> int:
        return len(self._doubles)

    @property
    def offset(self) -> int:
        """First field in the scalars arena."""
        return self._offset

    def place(self, memory: _core.Memory, offset: int) -> None:
        """Move to ``memory`` with the present values."""
        values = self._words
        self._keep(memory.view(_core.Arena.scalars, 0, offset, [len(self)]))
        self._words[:] = values
        self._offset = offset

    def detach(self) -> dict[str, float | int | Array]:
        """The values."""
        return {name: self[name] for name in self.fields}

    def index(self, name: str) -> int:
        """Place of a field in the scalars arena."""
        place = self.fields[name]
        return self._offset + (place.start if isinstance(place, slice) else place)

    def __getitem__(self, name: str) -> Any:
        place = self.fields[name]
        if isinstance(place, slice):
            return self._doubles[place].copy()
        return (self._words if name in self._integers else self._doubles).item(place)

    def __setitem__(self, name: str, value: float | int | Array) -> None:
        (self._words if name in self._integers else self._doubles)[self.fields[name]] = value

    def __getstate__(self) -> dict[str, Any]:
        return {"fields": self.detach()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Settings.__init__(self, **state["fields"])
