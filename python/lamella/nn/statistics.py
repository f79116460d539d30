"""True statistics of batch normalization."""

from typing import Any

import numpy as np

from lamella._arrays import Array, as_features, check_finite
from lamella.nn import _check
from lamella.nn.batchnorm import BatchNorm1d
from lamella.nn.builder import Builder, Reached, Value
from lamella.nn.module import Module
from lamella.nn.moments import Moments
from lamella.nn.replay import Pass


class _Until(Module):
    """The part of a model that makes the input of one of its layers."""

    def __init__(self, model: Module, layer: Module) -> None:
        super().__init__()
        self.model, self.layer = model, layer

    def children(self) -> list[tuple[str, Module]]:
        """The whole model."""
        return [("model", self.model)]

    def emit(self, builder: Builder, x: Value) -> Value:
        """What comes before the layer."""
        builder.stop = self.layer
        try:
            self.model.emit(builder, x)
        except Reached as reached:
            return reached.x
        raise AssertionError("the layer is no part of the model")


def _moments(run: Pass, x: Array, batch_size: int, where: str) -> Moments:
    """Of each column of run(x)."""
    moments = Moments()
    for begin in range(0, len(x), batch_size):
        moments.add(run.run(x[begin : begin + batch_size], batch_size, where).astype(np.float64))
    return moments


def exact_batchnorm_statistics(model: Module, x: Any, batch_size: int = 1024) -> None:
    """Store the true mean and variance over a whole training set in each :class:`BatchNorm1d` of a model.

    A running average follows the last batches, of which each had other weights. This is what it stands for (Ioffe &
    Szegedy 2015, algorithm 2): layer by layer, from the first to the last, ``running_mean`` and ``running_var`` become
    mean and population variance (over all rows at once, not an average of batches' variances) of the layer's input. All
    else runs in evaluation mode, the earlier layers with their new statistics. Modes, weights and
    ``num_batches_tracked`` stay as they are; a model without batch normalization stays unchanged.

    Parameters
    ----------
    model : Module
    x : array-like, (n, features)
        The training set.
    batch_size : int, default 1024
        Rows at a time: a matter of memory; the results are the same but for rounding in float64.

    Raises
    ------
    ValueError
        If ``x`` has NaN or infinite values, or another shape than the model takes, or an activation is not finite; the
        statistics are then as they were.
    """
    where = "exact_batchnorm_statistics"
    if not isinstance(model, Module):
        raise TypeError(f"[{where}] model is {model!r:.80} but must be a Module")
    batch_size = _check.integer(where, "batch_size", batch_size, 1)
    store = model.store()
    features = as_features(x, store.dtype, model.input_width(), "x", where)
    check_finite(features, "x", where, getattr(x, "columns", None))
    norms = [(name, module) for name, module in model.named_modules() if isinstance(module, BatchNorm1d)]
    before = [(norm, norm.running_mean.data.copy(), norm.running_var.data.copy()) for _, norm in norms]
    try:
        for name, norm in norms:
            run = Pass(_Until(model, norm), store, features.shape[1])
            moments = _moments(run, features, batch_size, where)
            with np.errstate(over="ignore"):
                mean, variance = moments.mean.astype(store.dtype), moments.variance.astype(store.dtype)
            if not (np.isfinite(mean).all() and np.isfinite(variance).all()):
                raise ValueError(
                    f"[{where}] the input of {f'layer {name}' if name else norm} is not finite for all of x"
                )
            norm.running_mean.data[...] = mean
            norm.running_var.data[...] = variance
    except BaseException:
        for norm, mean, variance in before:
            norm.running_mean.data[...] = mean
            norm.running_var.data[...] = variance
        raise
