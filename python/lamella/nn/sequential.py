"""The container: layers one after the other."""

from collections.abc import Iterator
from typing import Any, overload

import numpy as np

from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.python_layer import PythonLayer


class Sequential(Module):
    """Layers one after the other. Nests.

    Parameters
    ----------
    *layers : Module or object with forward and backward
        Widths are checked against each other here.
    seed : int, optional
        Of first weights and dropout masks: in [0, 2**64). By default that of the Sequential around this one, 0 for the
        outermost: the same code gives the same model.
    dtype : "float32" or "float64", optional
        By default that of the Sequential around this one, float32 for the outermost.

    Raises
    ------
    ValueError
        If neighbouring widths differ, or a layer with state stands in two places.
    TypeError
        If an argument is no layer.
    """

    def __init__(self, *layers: Any, seed: int | None = None, dtype: str | None = None) -> None:
        super().__init__()
        self.seed = _check.seed("Sequential", seed)
        if dtype not in (None, "float32", "float64"):
            raise ValueError(f'[Sequential] dtype is {dtype!r} but must be "float32" or "float64"')
        self.dtype = None if dtype is None else np.dtype(dtype).name
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            raise TypeError("[Sequential] layers are arguments, not a list: Sequential(*layers)")
        self.layers = tuple(self._as_module(index, layer) for index, layer in enumerate(layers))
        self._check_widths()
        self._check_repeats()

    @staticmethod
    def _as_module(index: int, layer: Any) -> Module:
        if isinstance(layer, Module):
            return layer
        if isinstance(layer, type):
            raise TypeError(f"[Sequential] layer {index} is the class {layer.__name__}; make an instance of it")
        if callable(getattr(layer, "forward", None)) and callable(getattr(layer, "backward", None)):
            return PythonLayer(layer)
        raise TypeError(
            f"[Sequential] layer {index} is {layer!r} but must be a layer of lamella.nn, or have forward and backward"
        )

    def _check_widths(self) -> None:
        width: int | None = None
        giver = ""
        for index, layer in enumerate(self.layers):
            expected = layer.input_width()
            if width is not None and expected is not None and width != expected:
                raise ValueError(
                    f"[Sequential] layer {index} ({layer!r}) expects {expected} features but {giver} gives {width}"
                )
            width = layer.output_width(expected if width is None else width)
            giver = f"layer {index} ({type(layer).__name__})"

    def _check_repeats(self) -> None:
        seen: dict[int, str] = {}
        for name, module in self.named_modules():
            if id(module) in seen and (module.has_arrays() or module.children()):
                raise ValueError(
                    f"[Sequential] layer {name} is the same object as layer {seen[id(module)]}; make another one"
                )
            seen[id(module)] = name

    def children(self) -> list[tuple[str, Module]]:
        """Layers under their numbers."""
        return [(str(index), layer) for index, layer in enumerate(self.layers)]

    def input_width(self) -> int | None:
        """Features that the first layer to say so expects."""
        for layer in self.layers:
            if layer.input_width() is not None:
                return layer.input_width()
            if isinstance(layer, PythonLayer):
                return None  # it may change the width
        return None

    def output_width(self, width: int | None) -> int | None:
        """Of the last layer."""
        for layer in self.layers:
            width = layer.output_width(layer.input_width() if width is None else width)
        return width

    def config(self) -> dict[str, Any]:
        """Seed and dtype; the layers are children."""
        return {key: value for key, value in (("seed", self.seed), ("dtype", self.dtype)) if value is not None}

    def emit(self, builder: Builder, x: Value) -> Value:
        """All layers in turn."""
        for layer in self.layers:
            builder.begin_layer()
            x = layer.emit(builder, x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> "Module | Sequential":
        """A layer, or some of them as a Sequential that shares their weights with this one."""
        if not isinstance(index, slice):
            return self.layers[index]
        self.store()  # so that the part shares this model's memory
        part = Sequential(*self.layers[index], seed=self.seed, dtype=self.dtype)
        part.training = self.training
        return part

    def __repr__(self) -> str:
        lines = [f"  ({name}): " + repr(layer).replace("\n", "\n  ") for name, layer in self.children()]
        count = f"{self.num_parameters:,} parameter{'s' if self.num_parameters != 1 else ''}"
        return "\n".join(["Sequential(", *lines, f")  # {count}"]) if lines else "Sequential()"
