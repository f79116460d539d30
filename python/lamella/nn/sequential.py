"""The container: layers one after the other."""

from typing import overload

from lamella.nn.builder import Builder, Value
from lamella.nn.container import Container
from lamella.nn.module import Module


class Sequential(Container):
    """Layers one after the other. Nests.

    Shape: (n, features of the first layer) -> (n, outputs of the last).

    Parameters
    ----------
    *layers : Module or object with forward and backward
        Widths are checked against each other here.
    seed : int, optional
        Of first weights and dropout masks: in [0, 2**64). By default that of the Sequential around this one, 0 for the
        outermost: the same code gives the same model.
    dtype : "float32" or "float64", optional
        By default that of the Sequential around this one; for the outermost that of those inside, else float32.

    Raises
    ------
    ValueError
        If neighbouring widths differ, or a layer with state stands in two places.
    TypeError
        If an argument is no layer.
    """

    def _check_widths(self) -> None:
        width: int | None = None
        giver = ""
        for index, layer in enumerate(self.layers):
            expected = layer.input_width()
            if width is not None and expected is not None and width != expected:
                raise ValueError(
                    f"[{self._where()}] layer {index} ({layer!r}) expects {expected} features but {giver} gives {width}"
                )
            width = layer.output_width(expected if width is None else width)
            giver = f"layer {index} ({type(layer).__name__})"

    def input_width(self) -> int | None:
        """Features that the first layer to say so expects."""
        for layer in self.layers:
            expected = layer.input_width()
            if expected is not None or not layer.keeps_width:
                return expected
        return None

    def output_width(self, width: int | None) -> int | None:
        """Of the last layer."""
        for layer in self.layers:
            width = layer.output_width(layer.input_width() if width is None else width)
        return width

    @property
    def keeps_width(self) -> bool:
        """Whether all layers do."""
        return all(layer.keeps_width for layer in self.layers)

    def emit(self, builder: Builder, x: Value) -> Value:
        """All layers in turn."""
        for index in range(len(self.layers)):
            x = self._emit_layer(builder, index, x)
        return x

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> "Module | Sequential":
        """A layer, or some of them as a Sequential that shares their weights with this one.

        Parameters
        ----------
        index : int or slice
        """
        if not isinstance(index, slice):
            return self.layers[index]
        self.store()  # so that the part shares this model's memory
        part = Sequential(*self.layers[index], seed=self.seed, dtype=self.dtype)
        part.training = self.training
        return part
