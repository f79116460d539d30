"""The dense layer."""

from collections.abc import Mapping
from typing import Any

from lamella.nn import _check
from lamella.nn.builder import NOTHING, Builder, Value
from lamella.nn.init import WEIGHTS, Init, init_config, resolve
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter


class Linear(Module):
    """y = x Wᵀ + b.

    Shape: (n, in_features) -> (n, out_features).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool, default True
        Whether there is a b.
    init : str, object or callable, optional
        First weights: a name such as "he_normal", "glorot_uniform" or "orthogonal", an object such as
        ``nn.init.Normal(std=0.01)``, or a function of (rng, shape); see :mod:`lamella.nn.init`. By default the
        activation that follows decides: He for the ReLU family, LeCun for SELU, Glorot for the others. Biases start at
        zero. (PyTorch draws both from U(-1/sqrt(in_features), 1/sqrt(in_features)).)

    Attributes
    ----------
    weight : Parameter, (out_features, in_features)
    bias : Parameter, (out_features,), or None
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, init: Init | None = None) -> None:
        super().__init__()
        self.in_features = _check.integer("Linear", "in_features", in_features, 1)
        self.out_features = _check.integer("Linear", "out_features", out_features, 1)
        first = resolve("Linear", "glorot_uniform" if init is None else init)
        self.init = first if isinstance(init, Mapping) else init
        self.weight = Parameter((self.out_features, self.in_features), first, transposed=True)
        self.bias = Parameter((self.out_features,), 0.0) if _check.flag("Linear", "bias", bias) else None

    def settle(self, following: list[Module]) -> None:
        """Take the initialisation that suits the next activation, unless one was given."""
        if self.init is None:
            wanted = (layer.weight_init for layer in following if layer.weight_init is not None)
            self.weight.init = WEIGHTS[next(wanted, "glorot_uniform")]

    weight_init = "glorot_uniform"  # of a layer whose output goes straight into this one

    def input_width(self) -> int:
        """in_features."""
        return self.in_features

    def output_width(self, width: int | None) -> int:
        """out_features."""
        return self.out_features

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        config: dict[str, Any] = {"in_features": self.in_features, "out_features": self.out_features}
        if self.bias is None:
            config["bias"] = False
        return {**config, **init_config(self.init)}

    def describe(self) -> str:
        """As in PyTorch."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def emit(self, builder: Builder, x: Value) -> Value:
        """linear_forward; linear_backward_weight, linear_backward_input."""
        return dense(builder, x, self.weight, self.bias)


def dense(builder: Builder, x: Value, weight: Parameter, bias: Parameter | None) -> Value:
    """X Wᵀ + b and its gradients, as ops."""
    out_features, in_features = weight.shape
    y, w = builder.value(out_features), weight.operand
    b, b_grad = (bias.operand, bias.grad_operand) if bias else (NOTHING, NOTHING)
    sizes = [in_features, out_features]
    builder.forward("linear_forward", [y.operand, x.operand, w, b], sizes)
    if x.wants_grad:
        builder.backward("linear_backward_input", [x.grad, y.grad, w], sizes)
    builder.begin_weight(weight)  # before the input's gradient, on which the layer before may be fused
    builder.backward(
        "linear_backward_weight", [weight.grad_operand, b_grad, y.grad, x.operand], [*sizes, builder.accumulate]
    )
    return y
