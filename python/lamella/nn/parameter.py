"""Arrays that live in a model's arenas: trained parameters and saved state."""

import weakref
from collections.abc import Callable
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
    init : callable
        ``init(rng, shape)`` gives the first values.
    transposed : bool
        Whether the (two-dimensional) array is stored the other way round, as kernels like it. Users never see that.
    """

    arena: _core.Arena

    def __init__(self, shape: tuple[int, ...], init: Initializer, transposed: bool = False) -> None:
        self.shape = shape
        self.init = init
        self.transposed = transposed
        self.name = ""
        self._memory: _core.Memory | None = None
        self._offset = 0
        self._values: Array | None = None  # kept here while there is no memory

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))

    def draw(self, memory: _core.Memory, offset: int, rng: np.random.Generator) -> None:
        """If there are no values yet, write first ones to where this array will be; it stays where it is."""
        if self._memory is None and self._values is None:
            self._view_in(memory, self.arena, 0, offset)[...] = self.init(rng, self.shape)

    def place(self, memory: _core.Memory, offset: int) -> None:
        """Move to ``memory``, with the present values if there are any."""
        values = self.detach()
        self._memory, self._offset, self._values = memory, offset, None
        if values is not None:
            self._view(self.arena)[...] = values

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
        return self._view(self.arena)

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
    """A trained array. ``data`` and ``grad`` are views of the model's memory in PyTorch's shape."""

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
        self.fields = fields
        self._memory: _core.Memory | None = None
        self._offset = 0

    def __len__(self) -> int:
        return sum(np.size(value) for value in self.fields.values())

    @property
    def offset(self) -> int:
        """First field in the scalars arena."""
        return self._offset

    def place(self, memory: _core.Memory, offset: int) -> None:
        """Move to ``memory`` with the present values."""
        values = self.detach()
        self._memory, self._offset, self.fields = memory, offset, values
        for name, value in values.items():
            self[name] = value

    def detach(self) -> dict[str, float | int | Array]:
        """The values."""
        return {name: self[name] for name in self.fields}

    def _field(self, name: str) -> Array:
        assert self._memory is not None
        first = self.fields[name]
        view: Array = self._memory.view(_core.Arena.scalars, 0, self.index(name), [np.size(first)])
        return view.view(np.uint64) if isinstance(first, int) else view

    def index(self, name: str) -> int:
        """Place of a field in the scalars arena."""
        index = self._offset
        for before, value in self.fields.items():
            if before == name:
                return index
            index += np.size(value)
        raise KeyError(name)

    def __getitem__(self, name: str) -> Any:
        first = self.fields[name]
        if self._memory is None:
            return first
        field = self._field(name)
        return field.copy() if isinstance(first, np.ndarray) else field[0].item()

    def __setitem__(self, name: str, value: float | int | Array) -> None:
        if self._memory is None:
            self.fields[name] = value
        else:
            self._field(name)[...] = value

    def __getstate__(self) -> dict[str, Any]:
        return {"fields": self.detach(), "_memory": None, "_offset": 0}
