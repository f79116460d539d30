"""The dense layer."""

from typing import Any

from lamella.nn import _check, init
from lamella.nn.builder import NOTHING, Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter


class Linear(Module):
    """y = x Wᵀ + b.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool, default True
        Whether there is a b.
    init : str, optional
        First weights: "he_normal", "glorot_uniform" or "zeros". By default the activation that follows decides: He for
        the ReLU family, Glorot for the others. Biases start at zero. (PyTorch draws both from
        U(-1/sqrt(in_features), 1/sqrt(in_features)).)

    Attributes
    ----------
    weight : Parameter, (out_features, in_features)
    bias : Parameter, (out_features,), or None
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, init: str | None = None) -> None:
        super().__init__()
        self.in_features = _check.integer("Linear", "in_features", in_features, 1)
        self.out_features = _check.integer("Linear", "out_features", out_features, 1)
        if init is not None and not (isinstance(init, str) and init in _initializers):
            raise ValueError(f"[Linear] init is {init!r} but must be one of {', '.join(_initializers)}")
        self.init = init
        first = _initializers[init or "glorot_uniform"]
        self.weight = Parameter((self.out_features, self.in_features), first, transposed=True)
        self.bias = Parameter((self.out_features,), _zeros) if _check.flag("Linear", "bias", bias) else None

    def settle(self, following: list[Module]) -> None:
        """Take the initialisation that suits the next activation, unless one was given."""
        if self.init is None:
            wanted = [layer.weight_init for layer in following if layer.weight_init is not None]
            self.weight.init = _initializers[wanted[0] if wanted else "glorot_uniform"]

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
        if self.init is not None:
            config["init"] = self.init
        return config

    def describe(self) -> str:
        """As in PyTorch."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def emit(self, builder: Builder, x: Value) -> Value:
        """linear_forward; linear_backward_weight, linear_backward_input."""
        y = builder.value(self.out_features)
        bias, bias_grad = (self.bias.operand, self.bias.grad_operand) if self.bias else (NOTHING, NOTHING)
        sizes = [self.in_features, self.out_features]
        builder.forward("linear_forward", [y.operand, x.operand, self.weight.operand, bias], sizes)
        if x.wants_grad:
            builder.backward("linear_backward_input", [x.grad, y.grad, self.weight.operand], sizes)
        builder.begin_weight(self.weight)  # before the input's gradient, on which the layer before may be fused
        builder.backward(
            "linear_backward_weight",
            [self.weight.grad_operand, bias_grad, y.grad, x.operand],
            [*sizes, builder.accumulate],
        )
        return y


_initializers = init.WEIGHTS
_zeros = init.zeros
