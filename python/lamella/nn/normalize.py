"""Scaling of each row by its norm."""

from typing import Any

from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Settings
from lamella.nn.setting import Setting

NORMS = ("l1", "l2", "max")


class Normalize(Module):
    """y = x / max(|x|, eps), row by row, with a norm |x| of the row: what counts is the direction of a sample.

    As scikit-learn's Normalizer and torch.nn.functional.normalize. (Mean 0 and variance 1 of each row are
    ``LayerNorm(features, elementwise_affine=False)``.)

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    norm : "l1", "l2" or "max", default "l2"
        Sum of absolute values, root of the sum of squares, or largest absolute value.
    eps : float, default 1e-12
        Rows are divided by at least this: zeros stay zeros. May be set at any time.
    """

    eps = Setting(least=0)

    def __init__(self, norm: str = "l2", eps: float = 1e-12) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f'[Normalize] norm is {norm!r} but must be "l1", "l2" or "max"')
        self.norm = norm
        self.settings = Settings(eps=0.0)  # NormalizeHyper
        self.eps = eps

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {"norm": self.norm, "eps": self.eps}

    def emit(self, builder: Builder, x: Value) -> Value:
        """normalize_<norm>_forward, normalize_<norm>_backward."""
        assert self.settings is not None
        y, divisor, size = builder.passing(x, x.width), builder.rows(1), [x.width]
        kernel, hyper = f"normalize_{self.norm}", self.settings.offset
        builder.forward(f"{kernel}_forward", [y.operand, divisor, x.operand], size, hyper)
        if x.wants_grad:
            builder.backward(f"{kernel}_backward", [x.grad, y.grad, y.operand, divisor], size, hyper)
        return y
