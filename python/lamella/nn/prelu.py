"""ReLU with a learned slope."""

from typing import Any

from lamella.nn import _check
from lamella.nn.builder import NOTHING, Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter


class PReLU(Module):
    """y = x for x > 0, else w x, with w learned (He et al. 2015).

    Weight decay draws w to 0 and so PReLU to ReLU; the paper advises against it.

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    num_parameters : int, default 1
        1: one w for all columns. Else the number of features: one a column.
    init : float, default 0.25
        First value of w.

    Attributes
    ----------
    weight : Parameter, (num_parameters,)
    """

    weight_init = "he_normal"

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__()
        count = _check.integer("PReLU", "num_parameters", num_parameters, 1)
        self.init = _check.number("PReLU", "init", init)
        self.weight = Parameter((count,), self.init)

    def input_width(self) -> int | None:
        """num_parameters, if they are one a column."""
        width = self.weight.size
        return width if width > 1 else None

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {"num_parameters": self.weight.size, "init": self.init}

    def emit(self, builder: Builder, x: Value) -> Value:
        """prelu_forward, prelu_backward."""
        y = builder.value(x.width)
        shared = self.weight.size == 1
        partial = builder.fixed(x.width) if shared else NOTHING
        builder.forward("prelu_forward", [y.operand, x.operand, self.weight.operand], [x.width, shared])
        builder.backward(
            "prelu_backward",
            [x.grad, self.weight.grad_operand, partial, y.grad, x.operand, self.weight.operand],
            [x.width, shared, builder.accumulate],
        )
        return y
