"""What all elementwise activations share."""

import math
from typing import Any

from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Settings


class Activation(Module):
    """y = f(x), elementwise; subclasses name the kernel pair ``<kernel>_forward`` and ``<kernel>_backward``."""

    kernel: str
    #: What the backward kernel reads: by default the output, so that a dense layer applies f to its own result in
    #: place; True: the input, which is then stored beside it.
    saves_input = False

    def _hold(self, **settings: float) -> None:
        """The fields of the kernels' struct, in its order: each the name of a ``Setting``, which checks it."""
        self.settings = Settings(**dict.fromkeys(settings, math.nan))
        for name, value in settings.items():
            setattr(self, name, value)

    def config(self) -> dict[str, Any]:
        """The settings as they are now."""
        return {} if self.settings is None else dict(self.settings.detach())

    def emit(self, builder: Builder, x: Value) -> Value:
        """The pair of kernels; fused into the product before (forward) or after (backward) where there is one."""
        y = builder.value(x.width)
        hyper = -1 if self.settings is None else self.settings.offset
        builder.forward(f"{self.kernel}_forward", [y.operand, x.operand], [x.width], hyper)
        if x.wants_grad:
            saved = x.operand if self.saves_input else y.operand
            builder.backward(f"{self.kernel}_backward", [x.grad, y.grad, saved], [x.width], hyper)
        return y


class Identity(Module):
    """y = x: a place holder that costs nothing.

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    *args, **kwargs
        Anything: ignored, as in PyTorch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def emit(self, builder: Builder, x: Value) -> Value:
        """Nothing."""
        return x
