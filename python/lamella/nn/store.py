"""Gives the arrays of a tree of modules their places in one memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella import _core
from lamella.nn.parameter import Parameter, Stored

if TYPE_CHECKING:
    from lamella.nn.module import Module

#: Every array starts on a cache line.
_LINE = 16


class Store:
    """The memory of one model: all parameters of a tree of modules, flat, with their gradients, state and scalars.

    Made at a model's first use. Arrays that have values (a part that was used or loaded before) bring them along; the
    others get their first ones. Matrices come before vectors, so that weight decay is one range of the arena.
    """

    def __init__(self, root: "Module") -> None:
        self.stale = False  # True: some arrays have moved to another model's memory
        modules = list(root.named_modules())
        name = dtype_of(root)
        self.dtype: np.dtype[Any] = np.dtype(name)
        self.native_dtype = _core.DType[name]
        self.seed = root.seed or 0
        for name, module in modules:
            if module.dtype is not None and np.dtype(module.dtype) != self.dtype:
                raise ValueError(
                    f"[{type(root).__name__}] layer {name} has dtype {module.dtype} but the model's is {self.dtype}"
                )
        every = [module for _, module in modules]
        for module in every:
            module.check_place(every, complete=True)
        arrays = list(root._named_arrays())
        parameters = [item for _, item in arrays if isinstance(item, Parameter)]
        states = [item for _, item in arrays if not isinstance(item, Parameter)]
        self.parameters = sorted(parameters, key=lambda parameter: len(parameter.shape) < 2)
        self.settings = [module.settings for module in every if module.settings is not None]

        _settle(root, [])

        value_places, values = _places(self.parameters)
        state_places, state = _places(states)
        places = {**value_places, **state_places}
        self.memory = _core.Memory(self.native_dtype, values, state, sum(len(s) for s in self.settings))

        # All first values before anything moves: a user's function that fails leaves everything as it was.
        for index, item in [*enumerate(parameters), *enumerate(states)]:
            item.draw(self.memory, places[id(item)], (self.seed, index))
        for name, item in arrays:
            item.name = name
            item.place(self.memory, places[id(item)])
        offset = 0
        for settings in self.settings:
            settings.place(self.memory, offset)
            offset += len(settings)
        for index, module in enumerate(every):
            module.adopted(self, index)


def dtype_of(root: "Module") -> str:
    """Of a model: its own, else that of what is inside, else float32."""
    return next((module.dtype for _, module in root.named_modules() if module.dtype is not None), "float32")


def _settle(module: "Module", following: list["Module"]) -> list["Module"]:
    """Tell each layer which ones follow it: what follows a branch is what follows all of them. Gives the layers."""
    children = module.children()
    if not children:
        module.settle(following)
        return [module]
    layers: list[Module] = []
    for _, child in reversed(children):
        layers = _settle(child, following if module.branches else layers + following) + layers
    return layers


def _places(items: Sequence[Stored]) -> tuple[dict[int, int], int]:
    """Offset of each array by its identity, and the size of the arena."""
    places: dict[int, int] = {}
    total = 0
    for item in items:
        places[id(item)] = total
        total += -(-item.size // _LINE) * _LINE
    return places, total
