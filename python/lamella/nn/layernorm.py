"""Normalization of each row by its own statistics."""

from typing import Any

from lamella.nn import _check
from lamella.nn.builder import NOTHING, Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter, Settings
from lamella.nn.setting import Setting


class _RowNorm(Module):
    """What both have in common: gamma, and the kernel pair, with or without a mean and a beta."""

    centred: bool

    def __init__(self, normalized_shape: int | tuple[int], elementwise_affine: bool) -> None:
        super().__init__()
        where = type(self).__name__
        if isinstance(normalized_shape, (tuple, list)) and len(normalized_shape) == 1:
            normalized_shape = normalized_shape[0]
        self.normalized_shape = _check.integer(where, "normalized_shape", normalized_shape, 1)
        self.elementwise_affine = _check.flag(where, "elementwise_affine", elementwise_affine)
        self.weight = Parameter((self.normalized_shape,), 1.0) if self.elementwise_affine else None
        self.bias: Parameter | None = None
        self.settings = Settings(eps=0.0)  # LayerNormHyper

    def input_width(self) -> int:
        """normalized_shape."""
        return self.normalized_shape

    def emit(self, builder: Builder, x: Value) -> Value:
        """layernorm_forward, layernorm_backward."""
        assert self.settings is not None
        width = self.normalized_shape
        y = builder.value(width)
        gamma, dgamma = (self.weight.operand, self.weight.grad_operand) if self.weight else (NOTHING, NOTHING)
        beta, dbeta = (self.bias.operand, self.bias.grad_operand) if self.bias else (NOTHING, NOTHING)
        saved = [builder.rows(1) if self.centred else NOTHING, builder.rows(1)]
        builder.forward("layernorm_forward", [y.operand, *saved, x.operand, gamma, beta], [width], self.settings.offset)
        if x.wants_grad or self.weight:
            builder.backward(
                "layernorm_backward",
                [x.grad, dgamma, dbeta, y.grad, x.operand, *saved, gamma],
                [width, builder.accumulate],
            )
        return y


class LayerNorm(_RowNorm):
    """y = gamma (x - mean) / sqrt(var + eps) + beta over the features, row by row (Ba et al. 2016).

    The variance is the biased one. Training and evaluation are the same.

    Shape: (n, normalized_shape) -> (n, normalized_shape).

    Parameters
    ----------
    normalized_shape : int or (int,)
        Features.
    eps : float, default 1e-5
        Added to the variance. May be set at any time.
    elementwise_affine : bool, default True
        Whether gamma (and beta) are learned.
    bias : bool, default True
        Whether there is a beta, if ``elementwise_affine``.

    Attributes
    ----------
    weight, bias : Parameter, (normalized_shape,), or None
        gamma and beta.
    """

    centred = True
    eps = Setting(least=0)

    def __init__(
        self,
        normalized_shape: int | tuple[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__(normalized_shape, elementwise_affine)
        if _check.flag("LayerNorm", "bias", bias) and elementwise_affine:
            self.bias = Parameter((self.normalized_shape,), 0.0)
        self.eps = eps

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        config = {
            "normalized_shape": self.normalized_shape,
            "eps": self.eps,
            "elementwise_affine": self.elementwise_affine,
        }
        return config if self.bias or not self.weight else {**config, "bias": False}


class RMSNorm(_RowNorm):
    """y = gamma x / sqrt(mean(x^2) + eps) over the features, row by row (Zhang & Sennrich 2019).

    Shape: (n, normalized_shape) -> (n, normalized_shape).

    Parameters
    ----------
    normalized_shape : int or (int,)
        Features.
    eps : float or None, default None
        Added to the mean of squares; None: the machine epsilon of the model's dtype, as in PyTorch. May be set at any
        time.
    elementwise_affine : bool, default True
        Whether gamma is learned.

    Attributes
    ----------
    weight : Parameter, (normalized_shape,), or None
        gamma.
    """

    centred = False

    def __init__(
        self, normalized_shape: int | tuple[int], eps: float | None = None, elementwise_affine: bool = True
    ) -> None:
        super().__init__(normalized_shape, elementwise_affine)
        self.eps = eps

    @property
    def eps(self) -> float | None:
        """Added to the mean of squares, None: the machine epsilon."""
        assert self.settings is not None
        eps = float(self.settings["eps"])
        return None if eps < 0 else eps  # a negative one asks the kernel for the machine epsilon

    @eps.setter
    def eps(self, value: float | None) -> None:
        assert self.settings is not None
        self.settings["eps"] = -1.0 if value is None else _check.number("RMSNorm", "eps", value, 0)

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {
            "normalized_shape": self.normalized_shape,
            "eps": self.eps,
            "elementwise_affine": self.elementwise_affine,
        }
