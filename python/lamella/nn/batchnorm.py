"""Batch normalization."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.builder import NOTHING, Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter, Settings, State
from lamella.nn.setting import Setting


class BatchNorm1d(Module):
    """y = gamma (x - mean) / sqrt(var + eps) + beta over the batch, column by column (Ioffe & Szegedy 2015).

    In training, mean and (biased) variance are the batch's, and the running ones move towards them, the variance with
    the unbiased estimate: running = (1 - momentum) running + momentum batch. In evaluation the running ones are used.
    PyTorch's conventions throughout.

    Shape: (n, num_features) -> (n, num_features).

    Parameters
    ----------
    num_features : int
    eps : float, default 1e-5
    momentum : float or None, default 0.1
        None: the average over all batches so far.
    affine : bool, default True
        Whether gamma and beta are learned.

    Attributes
    ----------
    weight, bias : Parameter, (num_features,), or None
        gamma and beta.
    running_mean, running_var : State, (num_features,)
    """

    least_rows = 2
    remembers_scale = True
    eps = Setting(least=0)

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True) -> None:
        super().__init__()
        where = "BatchNorm1d"
        self.num_features = _check.integer(where, "num_features", num_features, 1)
        self.affine = _check.flag(where, "affine", affine)
        shape = (self.num_features,)
        self.weight = Parameter(shape, 1.0) if affine else None
        self.bias = Parameter(shape, 0.0) if affine else None
        self.running_mean = State(shape, 0.0)
        self.running_var = State(shape, 1.0)
        self.settings = Settings(eps=0.0, momentum=0.0, batches=0.0)  # BatchNormHyper
        self.eps = eps
        self.momentum = momentum

    @property
    def momentum(self) -> float | None:
        """Weight of the present batch in the running statistics, None: 1 / batches. May be set at any time."""
        assert self.settings is not None
        momentum = float(self.settings["momentum"])
        return None if momentum < 0 else momentum  # a negative one asks the kernel for the average over all batches

    @momentum.setter
    def momentum(self, value: float | None) -> None:
        assert self.settings is not None
        checked = -1.0 if value is None else _check.number("BatchNorm1d", "momentum", value, 0, 1)
        self.settings["momentum"] = checked

    def input_width(self) -> int:
        """num_features."""
        return self.num_features

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {
            "num_features": self.num_features,
            "eps": self.eps,
            "momentum": self.momentum,
            "affine": self.affine,
        }

    def extra_state(self) -> dict[str, Array]:
        """num_batches_tracked, as PyTorch has it."""
        assert self.settings is not None
        return {"num_batches_tracked": np.array(int(self.settings["batches"]), np.int64)}

    def counters(self) -> list[int]:
        """Of num_batches_tracked."""
        assert self.settings is not None
        return [self.settings.index("batches")]

    def check_extra_state(self, state: Mapping[str, Array], prefix: str, where: str) -> None:
        """A count: a number that is not negative."""
        count = state["num_batches_tracked"]
        if count.dtype.kind not in "iuf" or not np.isfinite(count) or count < 0:
            name = f"{prefix}.num_batches_tracked" if prefix else "num_batches_tracked"
            raise ValueError(f"[{where}] {name} is {count} but must be a number of batches")

    def load_extra_state(self, state: Mapping[str, Array]) -> None:
        """Take num_batches_tracked back."""
        assert self.settings is not None
        self.settings["batches"] = float(state["num_batches_tracked"])

    def emit(self, builder: Builder, x: Value) -> Value:
        """batchnorm_forward and _backward, or in evaluation batchnorm_frozen_forward and _backward."""
        assert self.settings is not None
        builder.reach(self, x)
        y = builder.value(self.num_features)
        size, hyper = [self.num_features], self.settings.offset
        gamma, dgamma = (self.weight.operand, self.weight.grad_operand) if self.weight else (NOTHING, NOTHING)
        beta, dbeta = (self.bias.operand, self.bias.grad_operand) if self.bias else (NOTHING, NOTHING)
        running = [self.running_mean.operand, self.running_var.operand]
        gradients = [x.grad, dgamma, dbeta, y.grad, x.operand]
        if builder.trains(self):
            saved = [builder.fixed(self.num_features), builder.fixed(self.num_features)]
            builder.tick(self.settings.index("batches"))
            builder.forward("batchnorm_forward", [y.operand, *saved, *running, x.operand, gamma, beta], size, hyper)
            builder.backward("batchnorm_backward", [*gradients, *saved, gamma], [*size, builder.accumulate])
        else:
            builder.forward("batchnorm_frozen_forward", [y.operand, x.operand, *running, gamma, beta], size, hyper)
            builder.backward(
                "batchnorm_frozen_backward", [*gradients, *running, gamma], [*size, builder.accumulate], hyper
            )
        return y
