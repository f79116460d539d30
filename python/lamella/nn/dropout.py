"""Dropout."""

from typing import Any

from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.parameter import Settings
from lamella.nn.random import RandomLayer
from lamella.nn.setting import Setting


class Dropout(RandomLayer):
    """Dropout: in training each value is zero with probability p, else scaled by 1 / (1 - p).

    Which values are kept is a function of the model's seed, the layer, the number of training passes so far and the
    element alone (Philox 4x32-10): the same for any number of threads. Srivastava et al. 2014; PyTorch's semantics.

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    p : float, default 0.5
        In [0, 1]. May be set at any time.
    classic : bool, default False
        The form of Hinton et al. 2012: values that are kept are not scaled in training; in evaluation all are scaled by
        1 - p. Values then have another scale in training than in evaluation, so a :class:`BatchNorm1d` of the same
        model cannot be frozen (by its ``eval()``) while this layer trains: that is refused.
    """

    p = Setting(0, 1)

    def __init__(self, p: float = 0.5, classic: bool = False) -> None:
        super().__init__()
        self.classic = self.changes_scale = _check.flag("Dropout", "classic", classic)
        self.settings = Settings(p=0.0, seed=0, layer=0, step=0.0)  # DropoutHyper
        self.p = p

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {"p": self.p, "classic": True} if self.classic else {"p": self.p}

    def emit(self, builder: Builder, x: Value) -> Value:
        """Draws a mask and applies it, both ways, in training; in evaluation nothing, or the factor 1 - p."""
        assert self.settings is not None
        hyper = self.settings.offset
        trains = builder.trains(self)
        if not trains and not self.classic:
            return x
        y = builder.passing(x, x.width)
        kernel, masks = "dropout_expected", []
        if trains:
            kernel, masks = ("dropout_classic" if self.classic else "dropout"), [builder.bits(x.width)]
            builder.tick(self.settings.index("step"))
            builder.forward("dropout_mask", masks, [x.width], hyper)
        builder.forward(kernel, [y.operand, x.operand, *masks], [x.width], hyper)
        if x.wants_grad:
            builder.backward(kernel, [x.grad, y.grad, *masks], [x.width], hyper)
        return y
