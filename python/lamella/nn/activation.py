"""Elementwise activations whose derivative is a function of their output."""

from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module


class Activation(Module):
    """y = f(x), elementwise; subclasses name the kernel pair ``<kernel>_forward`` and ``<kernel>_backward``.

    The backward kernel gets the saved *output*, so that a dense layer can apply f to its own result in place.
    """

    kernel: str

    def emit(self, builder: Builder, x: Value) -> Value:
        """The pair of kernels; fused into the product before (forward) or after (backward) where there is one."""
        y = builder.value(x.width)
        builder.forward(f"{self.kernel}_forward", [y.operand, x.operand], [x.width])
        if x.wants_grad:
            builder.backward(f"{self.kernel}_backward", [x.grad, y.grad, y.operand], [x.width])
        return y


class ReLU(Activation):
    """y = max(x, 0). The derivative at 0 is 0, as in PyTorch; NaN stays NaN."""

    kernel = "relu"
    weight_init = "he_normal"


class Tanh(Activation):
    """y = tanh x."""

    kernel = "tanh"
    weight_init = "glorot_uniform"


class Sigmoid(Activation):
    """y = 1 / (1 + e^-x)."""

    kernel = "sigmoid"
    weight_init = "glorot_uniform"
