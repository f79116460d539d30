"""The container: layers one after the other."""

from typing import overload

from lamella.nn.builder import Builder, Value
from lamella.nn.container import Container
from lamella.nn.module import Module


class Sequential(Container):
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
        """A layer, or some of them as a Sequential that shares their weights with this one."""
        if not isinstance(index, slice):
            return self.layers[index]
        self.store()  # so that the part shares this model's memory
        part = Sequential(*self.layers[index], seed=self.seed, dtype=self.dtype)
        part.training = self.training
        return part


class Residual(Sequential):
    """y = x + f(x), f the layers one after the other (He et al. 2016).

    PyTorch has no module for this; the keys of ``state_dict`` are those of a ``torch.nn.Sequential`` whose ``forward``
    adds x: ``"0.weight"``, ``"2.weight"``, .... A slice is a :class:`Sequential` of the layers, without the addition.

    Parameters
    ----------
    *layers : Module or object with forward and backward
        As :class:`Sequential` takes them; they must give as many features as they get. None at all: y = 2 x.
    seed, dtype
        As for :class:`Sequential`.

    Raises
    ------
    ValueError
        If widths differ, between layers or from first to last.
    TypeError
        If an argument is no layer.
    """

    def _check_widths(self) -> None:
        super()._check_widths()
        width = super().input_width()
        if width is not None:
            self._check_same(width, super().output_width(width))

    def _check_same(self, width: int, outputs: int | None) -> None:
        if outputs is not None and outputs != width:
            raise ValueError(
                f"[{self._where()}] the layers make {outputs} features of {width} but must keep their number: y = x + "
                "f(x)"
            )

    def output_width(self, width: int | None) -> int | None:
        """As many features as the input."""
        return self.input_width() if width is None else width

    @property
    def keeps_width(self) -> bool:
        """Always: x is added."""
        return True

    def emit(self, builder: Builder, x: Value) -> Value:
        """The layers on x with a gradient of its own, add; the gradient of the sum is that of f(x) as it stands."""
        last = builder.begin_layer()
        inner = Value(x.operand, x.width, builder.rows(x.width) if x.wants_grad else x.grad)
        f = super().emit(builder, inner)
        self._check_same(x.width, f.width)
        y = Value(builder.rows(x.width), x.width, f.grad)
        builder.forward("add", [y.operand, f.operand, x.operand], [x.width])
        if x.wants_grad:
            builder.backward("add", [x.grad, inner.grad, y.grad], [x.width], block=last)
        return y
