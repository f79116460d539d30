"""Layers that make probabilities, or a choice, of the features of a row."""

from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module


class _OfRows(Module):
    """A layer over the features; ``dim`` is there for code that says so, as PyTorch wants it.

    Parameters
    ----------
    dim : -1, 1 or None, default -1
        The features; all three mean the same.
    """

    weight_init = "glorot_uniform"
    kernel: str

    def __init__(self, dim: int | None = -1) -> None:
        super().__init__()
        if dim is not None and (isinstance(dim, bool) or dim not in (-1, 1)):
            raise ValueError(f"[{type(self).__name__}] dim is {dim!r} but must be 1 or -1: over the features of a row")

    def emit(self, builder: Builder, x: Value) -> Value:
        """The kernels <kernel>_forward and <kernel>_backward, which reads the output."""
        y = builder.value(x.width)
        builder.forward(f"{self.kernel}_forward", [y.operand, x.operand], [x.width])
        if x.wants_grad:
            builder.backward(f"{self.kernel}_backward", [x.grad, y.grad, y.operand], [x.width])
        return y


class Softmax(_OfRows):
    """y_j = e^x_j / sum_k e^x_k, row by row: numbers above 0 that add up to 1.

    For outputs and gates. :class:`CrossEntropyLoss` takes x itself (logits), not y: do not put a Softmax before it.

    As PyTorch's. Shape: (n, features) -> (n, features).

    Parameters
    ----------
    dim : -1, 1 or None, default -1
        The features; all three mean the same.
    """

    gives_probabilities = True

    kernel = "softmax"


class LogSoftmax(_OfRows):
    """y_j = x_j - log(sum_k e^x_k), row by row: the logarithm of :class:`Softmax` without its rounding to 0.

    As PyTorch's. Shape: (n, features) -> (n, features).

    Parameters
    ----------
    dim : -1, 1 or None, default -1
        The features; all three mean the same.
    """

    kernel = "log_softmax"


class Hardmax(Module):
    """y_j = 1 where x_j is the largest of its row (the first of equal ones, or the first NaN), 0 elsewhere.

    It has no gradient: put it behind a trained model, as in ``nn.Sequential(model, nn.Hardmax())``, to predict. A
    backward pass raises RuntimeError.

    Shape: (n, features) -> (n, features).
    """

    def emit(self, builder: Builder, x: Value) -> Value:
        """hardmax_forward."""
        y = builder.value(x.width)
        builder.forward("hardmax_forward", [y.operand, x.operand], [x.width])
        builder.no_backward("[Hardmax] has no gradient: train the model without it, then put it behind to predict")
        return y
