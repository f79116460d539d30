"""Activations that hold values in a range (or, as logarithms, below 0)."""

from typing import Any

from lamella.nn.activation import Activation
from lamella.nn.parameter import Settings
from lamella.nn.setting import Setting


class Tanh(Activation):
    """y = tanh x.

    As PyTorch's. Shape: (n, features) -> (n, features).
    """

    kernel = "tanh"
    weight_init = "glorot_uniform"


class Sigmoid(Activation):
    """y = 1 / (1 + e^-x).

    As PyTorch's. Shape: (n, features) -> (n, features).
    """

    kernel = "sigmoid"
    weight_init = "glorot_uniform"


class LogSigmoid(Activation):
    """y = log(1 / (1 + e^-x)) = -log(1 + e^-x), without overflow or cancellation.

    As PyTorch's. Shape: (n, features) -> (n, features).
    """

    kernel = "log_sigmoid"
    weight_init = "glorot_uniform"


class Softsign(Activation):
    """y = x / (1 + |x|). Infinite x gives NaN, as in PyTorch.

    Shape: (n, features) -> (n, features).
    """

    kernel = "softsign"
    weight_init = "glorot_uniform"


class Hardtanh(Activation):
    """y = min(max(x, min_val), max_val). The derivative is 0 at both ends, as in PyTorch; NaN stays NaN.

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    min_val, max_val : float, default -1 and 1
        min_val below max_val. May be set at any time.
    """

    kernel = "hardtanh"
    weight_init = "glorot_uniform"
    min_val = Setting(below="max_val")
    max_val = Setting(above="min_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__()
        self._hold(min_val=min_val, max_val=max_val)


class ReLU6(Activation):
    """y = min(max(x, 0), 6).

    As PyTorch's. Shape: (n, features) -> (n, features).
    """

    kernel = "hardtanh"
    weight_init = "he_normal"

    def __init__(self) -> None:
        super().__init__()
        self.settings = Settings(min_val=0.0, max_val=6.0)

    def config(self) -> dict[str, Any]:
        """Nothing: the range is fixed."""
        return {}


class Hardsigmoid(Activation):
    """y = min(max(x + 3, 0), 6) / 6: a sigmoid in straight lines.

    As PyTorch's. Shape: (n, features) -> (n, features).
    """

    kernel = "hardsigmoid"
    weight_init = "glorot_uniform"
