"""Activations that let large values pass and hold negative ones down: ReLU and its kin."""

from typing import Any

from lamella.nn.activation import Activation
from lamella.nn.setting import Setting


class ReLU(Activation):
    """y = max(x, 0). The derivative at 0 is 0, as in PyTorch; NaN stays NaN.

    Shape: (n, features) -> (n, features).
    """

    kernel = "relu"
    weight_init = "he_normal"


class LeakyReLU(Activation):
    """y = x for x > 0, else negative_slope x (Maas et al. 2013).

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    negative_slope : float, default 0.01
        At least 0, as the backward pass tells the sign of x from that of y. May be set at any time.
    """

    kernel = "leaky_relu"
    weight_init = "he_normal"
    negative_slope = Setting(least=0)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self._hold(negative_slope=negative_slope)


class ELU(Activation):
    """y = x for x > 0, else alpha (e^x - 1) (Clevert et al. 2016).

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    alpha : float, default 1
        At least 0, as the backward pass tells the sign of x from that of y. May be set at any time.
    """

    kernel = "elu"
    weight_init = "he_normal"
    alpha = Setting(least=0)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self._hold(alpha=alpha)


class CELU(Activation):
    """y = x for x > 0, else alpha (e^(x / alpha) - 1): smooth for every alpha (Barron 2017).

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    alpha : float, default 1
        Greater than 0. May be set at any time.
    """

    kernel = "celu"
    weight_init = "he_normal"
    alpha = Setting(positive=True)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self._hold(alpha=alpha)


class SELU(Activation):
    """y = s x for x > 0, else s alpha (e^x - 1), with s = 1.0507 and alpha = 1.6733.

    These constants draw means to 0 and variances to 1 from layer to layer, from weights of variance 1 / fan_in ("lecun_
    normal", which is therefore the default of linear layers before it). Klambauer et al. 2017.

    Shape: (n, features) -> (n, features).
    """

    kernel = "selu"
    weight_init = "lecun_normal"


class Softplus(Activation):
    """y = log(1 + e^(beta x)) / beta: a smooth ReLU. y = x where beta x > threshold.

    As PyTorch's. Shape: (n, features) -> (n, features).

    Parameters
    ----------
    beta : float, default 1
        Greater than 0. May be set at any time.
    threshold : float, default 20
        May be set at any time.
    """

    kernel = "softplus"
    weight_init = "he_normal"
    saves_input = True  # for a small threshold two x have the same y
    beta = Setting(positive=True)
    threshold = Setting()

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self._hold(beta=beta, threshold=threshold)


class GELU(Activation):
    """y = x P(z <= x) for a standard normal z: x (1 + erf(x / sqrt 2)) / 2 (Hendrycks & Gimpel 2016).

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    approximate : "none" or "tanh", default "none"
        "tanh": y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, which is cheaper, and at most 5e-4 away.
    """

    weight_init = "he_normal"
    saves_input = True

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f'[GELU] approximate is {approximate!r} but must be "none" or "tanh"')
        self.kernel = "gelu" if approximate == "none" else "gelu_tanh"

    @property
    def approximate(self) -> str:
        """Which form this is."""
        return "none" if self.kernel == "gelu" else "tanh"

    def config(self) -> dict[str, Any]:
        """The form."""
        return {"approximate": self.approximate}


class SiLU(Activation):
    """y = x / (1 + e^-x), also known as swish (Elfwing et al. 2018; Ramachandran et al. 2017).

    Shape: (n, features) -> (n, features).
    """

    kernel = "silu"
    weight_init = "he_normal"
    saves_input = True


class Mish(Activation):
    """y = x tanh(log(1 + e^x)) (Misra 2019).

    Shape: (n, features) -> (n, features).
    """

    kernel = "mish"
    weight_init = "he_normal"
    saves_input = True


class Hardswish(Activation):
    """y = x min(max(x + 3, 0), 6) / 6: SiLU in straight lines (Howard et al. 2019).

    Shape: (n, features) -> (n, features).
    """

    kernel = "hardswish"
    weight_init = "he_normal"
    saves_input = True
