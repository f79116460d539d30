"""Layers whose input is added to their output."""

from lamella.nn.builder import Builder, Value
from lamella.nn.sequential import Sequential


class Residual(Sequential):
    """y = x + f(x), f the layers one after the other (He et al. 2016).

    PyTorch has no module for this; the keys of ``state_dict`` are those of a ``torch.nn.Sequential`` whose ``forward``
    adds x: ``"0.weight"``, ``"2.weight"``, .... A slice is a :class:`Sequential` of the layers, without the addition.

    Shape: (n, features) -> (n, features).

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
