"""Gives the arrays of a tree of modules their places in one memory."""

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
        self.dtype: np.dtype[Any] = np.dtype(root.dtype or "float32")
        self.seed = root.seed or 0
        modules = list(root.named_modules())
        for name, module in modules:
            if module.dtype is not None and np.dtype(module.dtype) != self.dtype:
                raise ValueError(
                    f"[{type(root).__name__}] layer {name} has dtype {module.dtype} but the model's is {self.dtype}"
                )
        for _, module in modules:
            module.check_place([other for _, other in modules], complete=True)
        parameters = list(root.named_parameters())
        states = list(root.named_states())
        order = sorted(range(len(parameters)), key=lambda i: len(parameters[i][1].shape) < 2)
        self.parameters: list[Parameter] = [parameters[i][1] for i in order]
        self.settings = [module.settings for _, module in modules if module.settings is not None]

        _settle(root, [])

        value_places, values = _places(self.parameters)
        state_places, state = _places([s for _, s in states])
        self.native_dtype = _core.DType[self.dtype.name]
        self.memory = _core.Memory(self.native_dtype, values, state, sum(len(s) for s in self.settings))

        # All first values before anything moves: a user's function that fails leaves everything as it was.
        for index, (_, parameter) in enumerate(parameters):
            parameter.draw(self.memory, value_places[id(parameter)], [self.seed, index])
        for index, (_, item) in enumerate(states):
            item.draw(self.memory, state_places[id(item)], [self.seed, index])
        for name, parameter in parameters:
            parameter.name = name
            parameter.place(self.memory, value_places[id(parameter)])
        for name, item in states:
            item.name = name
            item.place(self.memory, state_places[id(item)])
        offset = 0
        for settings in self.settings:
            settings.place(self.memory, offset)
            offset += len(settings)
        for index, (_, module) in enumerate(modules):
            module.adopted(self, index)


def _settle(module: "Module", following: list["Module"]) -> None:
    """Tell each layer which ones follow it: what follows a branch is what follows all of them."""
    if not module.children():
        module.settle(following)
    for _, child in reversed(module.children()):
        _settle(child, following)
        if not module.branches:
            following = [leaf for _, leaf in child.named_modules() if not leaf.children()] + following


def _places(items: list[Any]) -> tuple[dict[int, int], int]:
    """Offset of each array by its identity, and the size of the arena."""
    places: dict[int, int] = {}
    total = 0
    item: Stored
    for item in items:
        places[id(item)] = total
        total += -(-item.size // _LINE) * _LINE
    return places, total
