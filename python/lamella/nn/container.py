"""What all containers have in common."""

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.python_layer import PythonLayer


class Container(Module):
    """Modules under their numbers; subclasses say how they are put together.

    Parameters
    ----------
    *layers : Module or object with forward and backward
    seed : int, optional
    dtype : "float32" or "float64", optional
    """

    def __init__(self, *layers: Any, seed: int | None = None, dtype: str | None = None) -> None:
        super().__init__()
        where = self._where()
        self.seed = _check.seed(where, seed)
        if dtype not in (None, "float32", "float64"):
            raise ValueError(f'[{where}] dtype is {dtype!r} but must be "float32" or "float64"')
        self.dtype = None if dtype is None else np.dtype(dtype).name
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            raise TypeError(f"[{where}] layers are arguments, not a list: {where}(*layers)")
        self.layers = tuple(self._as_module(index, layer) for index, layer in enumerate(layers))
        self._check_widths()
        self._check_repeats()
        inside = [module for _, module in self.named_modules()]
        for module in inside:
            module.check_place(inside, complete=False)
        self._adopt()

    def _adopt(self) -> None:
        """Layers that are in no other container know this one."""
        for layer in self.layers:
            if layer._parent is None or layer._parent() is None:
                layer._parent = weakref.ref(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._adopt()

    def _as_module(self, index: int, layer: Any) -> Module:
        if isinstance(layer, Module):
            return layer
        where = self._where()
        if isinstance(layer, type):
            raise TypeError(f"[{where}] layer {index} is the class {layer.__name__}; make an instance of it")
        if callable(getattr(layer, "forward", None)) and callable(getattr(layer, "backward", None)):
            return PythonLayer(layer)
        raise TypeError(
            f"[{where}] layer {index} is {layer!r} but must be a layer of lamella.nn, or have forward and backward"
        )

    def _check_widths(self) -> None:
        """Raise if the layers do not fit together."""
        raise NotImplementedError

    def _check_repeats(self) -> None:
        seen: dict[int, str] = {}
        for name, module in self.named_modules():
            if id(module) in seen and (module.has_arrays() or module.children()):
                raise ValueError(
                    f"[{self._where()}] layer {name} is the same object as layer {seen[id(module)]}; make another one"
                )
            seen[id(module)] = name

    def children(self) -> list[tuple[str, Module]]:
        """Layers under their numbers."""
        return [(str(index), layer) for index, layer in enumerate(self.layers)]

    def config(self) -> dict[str, Any]:
        """Seed and dtype; the layers are children."""
        return {key: value for key, value in (("seed", self.seed), ("dtype", self.dtype)) if value is not None}

    def _emit_layer(self, builder: Builder, index: int, x: Value) -> Value:
        """One layer, whose width is checked here, as a layer in Python may say it only now."""
        layer = self.layers[index]
        expected = layer.input_width()
        if expected is not None and expected != x.width:
            raise ValueError(
                f"[{self._where()}] layer {index} ({layer!r}) expects {expected} features but gets {x.width}"
            )
        builder.begin_layer()
        y = layer.emit(builder, x)
        builder.passed.append((self, index, x, y))
        return y

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __repr__(self) -> str:
        kind = type(self).__name__
        lines = [f"  ({name}): " + repr(layer).replace("\n", "\n  ") for name, layer in self.children()]
        count = f"{self.num_parameters:,} parameter{'s' if self.num_parameters != 1 else ''}"
        return "\n".join([f"{kind}(", *lines, f")  # {count}"]) if lines else f"{kind}()"
