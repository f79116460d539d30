"""The transpose of another layer's weights."""

from typing import Any

from lamella.nn import _check
from lamella.nn.builder import NOTHING, Builder, Value
from lamella.nn.linear import Linear
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter


class Tied(Module):
    """y = x W + b, W the weight of an earlier :class:`Linear`, which computes x Wᵀ: the decoder of an autoencoder.

    Both layers train the one W, and their gradients add up in its ``grad``. It belongs to the Linear: this layer has
    the parameter ``bias`` alone. So a slice with this layer and not the Linear (``model[k:]``) computes the gradient of
    W, but does not train it. In PyTorch: ``torch.nn.functional.linear(x, encoder.weight.t(), bias)``.

    Shape: (n, layer.out_features) -> (n, layer.in_features).

    Parameters
    ----------
    layer : Linear
        Before this one in the same (outermost) model.
    bias : bool, default True
        Whether there is a b.

    Attributes
    ----------
    bias : Parameter, (layer.in_features,), or None

    Raises
    ------
    TypeError
        If ``layer`` is no Linear.
    ValueError
        When the model is put together or first used: if ``layer`` is not before this one in it.
    """

    weight_init = "glorot_uniform"  # of a layer whose output goes straight into this one

    def __init__(self, layer: Linear, bias: bool = True) -> None:
        super().__init__()
        if not isinstance(layer, Linear):
            raise TypeError(f"[Tied] layer is {layer!r} but must be a Linear")
        self.layer = layer
        self.in_features, self.out_features = layer.out_features, layer.in_features
        self.bias = Parameter((self.out_features,), 0.0) if _check.flag("Tied", "bias", bias) else None

    def has_arrays(self) -> bool:
        """The Linear's: this layer works in that one's memory alone."""
        return True

    def check_place(self, modules: list[Module], complete: bool) -> None:
        """The Linear comes first."""
        numbers = {id(module): number for number, module in enumerate(modules)}
        at = numbers.get(id(self.layer))
        if at is None and complete:
            raise ValueError(f"[Tied] the layer that it is tied to, {self.layer!r}, is no part of the same model")
        if at is not None and at > numbers[id(self)]:
            raise ValueError(f"[Tied] the layer that it is tied to, {self.layer!r}, comes after it in the model")

    def input_width(self) -> int:
        """The Linear's out_features."""
        return self.in_features

    def output_width(self, width: int | None) -> int | None:
        """The Linear's in_features."""
        return self.out_features

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer: the Linear itself, to which a file refers."""
        return {"layer": self.layer, "bias": self.bias is not None}

    def describe(self) -> str:
        """As Linear's."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def emit(self, builder: Builder, x: Value) -> Value:
        """tied_forward; linear_forward back. The gradient of W is added once the Linear's own has been made."""
        y = builder.value(self.out_features)
        weight, sizes = self.layer.weight, [self.out_features, self.in_features]
        bias = self.bias.operand if self.bias else NOTHING
        builder.forward("tied_forward", [y.operand, x.operand, weight.operand, bias], sizes)
        if self.bias:
            builder.backward("column_sums", [self.bias.grad_operand, y.grad], [self.out_features, builder.accumulate])
        if x.wants_grad:
            builder.backward("linear_forward", [x.grad, y.grad, weight.operand, NOTHING], sizes)
        shared = builder.weight_block(weight) is not None  # not in the program of a decoder alone
        if not shared:
            builder.begin_weight(weight)
        builder.backward(
            "linear_backward_weight",
            [weight.grad_operand, NOTHING, x.operand, y.grad],
            [*sizes, shared or builder.accumulate],
            block=builder.weight_block(weight),
        )
        return y
