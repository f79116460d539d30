"""The network that an estimator's arguments describe."""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from lamella import nn
from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.activation import Activation
from lamella.nn.init import Init

#: Names of activations: scikit-learn's, and those of all layers here in small letters ("leaky_relu" as "leakyrelu").
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    kind.__name__.lower(): kind
    for _, kind in inspect.getmembers(nn, inspect.isclass)
    if issubclass(kind, Activation) and kind is not Activation
}
ACTIVATIONS.update(identity=nn.Identity, logistic=nn.Sigmoid)


def flag(where: str, name: str, value: Any) -> bool:
    """Yes or no; NumPy's, too, as a grid of settings may have them."""
    return _check.flag(where, name, bool(value) if isinstance(value, np.bool_) else value)


def widths_of(where: str, sizes: Any) -> list[int]:
    """``hidden_layer_sizes`` as a list: a number stands for one layer."""
    many = isinstance(sizes, Iterable) and not isinstance(sizes, (str, bytes))
    return [_check.integer(where, "hidden_layer_sizes", size, 1) for size in (sizes if many else [sizes])]


def each_layer(where: str, name: str, value: Any, layers: int) -> list[Any]:
    """One value for each hidden layer, of one for all or a list."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return [value] * layers
    if len(value) != layers:
        raise ValueError(f"[{where}] {name} has {len(value)} entries but there are {layers} hidden layers")
    return list(value)


def activation_of(where: str, value: Any) -> nn.Module:
    """A layer, of its name, its class or any function that makes one."""
    if isinstance(value, str):
        kind = ACTIVATIONS.get(value.lower().replace("_", ""))
        if kind is None:
            raise ValueError(f"[{where}] activation is {value!r} but must be one of {', '.join(sorted(ACTIVATIONS))}")
        return kind()
    layer = value() if callable(value) and not isinstance(value, nn.Module) else value
    if layer is value or not isinstance(layer, nn.Module):
        raise TypeError(f"[{where}] activation is {value!r:.80} but must be a name, or a class or function of a layer")
    return layer


def check_network(where: str, estimator: Any) -> None:
    """Raise if the arguments describe no network."""
    layers = len(widths_of(where, estimator.hidden_layer_sizes))
    for activation in each_layer(where, "activation", estimator.activation, layers):
        activation_of(where, activation)
    for share in each_layer(where, "dropout", estimator.dropout, layers):
        _check.number(where, "dropout", share, 0, 1, open_end=True)
    flag(where, "batch_norm", estimator.batch_norm)
    if estimator.init is not None:
        nn.Linear(1, 1, init=init_of(estimator.init, nn.Identity()))


def init_of(init: Any, activation: nn.Module) -> Init | None:
    """First weights before an activation: Glorot's by default, as scikit-learn has them, but LeCun's before SELU."""
    if init != "auto":
        given: Init | None = init
        return given
    return "lecun_uniform" if activation.weight_init == "lecun_normal" else "glorot_uniform"


def dense_layer(inputs: int, outputs: int, init: Any, activation: nn.Module) -> nn.Linear:
    """A dense layer before an activation; by default its biases are drawn as its weights are, as scikit-learn's are."""
    layer = nn.Linear(inputs, outputs, init=init_of(init, activation))
    if init == "auto" and layer.bias is not None:
        bound = math.sqrt(6 / (inputs + outputs))
        layer.bias.init = nn.init.Uniform(-bound, bound)
    return layer


def make_network(where: str, estimator: Any, inputs: int, outputs: int, seed: int, dtype: str) -> nn.Sequential:
    """Dense layers, each with batch normalization and dropout where asked for, and a last one for the outputs."""
    widths = widths_of(where, estimator.hidden_layer_sizes)
    layers: list[nn.Module] = []
    kinds = each_layer(where, "activation", estimator.activation, len(widths))
    shares = each_layer(where, "dropout", estimator.dropout, len(widths))
    before = inputs
    for width, kind, share in zip(widths, kinds, shares, strict=True):
        activation = activation_of(where, kind)
        layers.append(dense_layer(before, width, estimator.init, activation))
        if estimator.batch_norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(activation)
        if share > 0:
            layers.append(nn.Dropout(share))
        before = width
    layers.append(dense_layer(before, outputs, estimator.init, nn.Identity()))
    return nn.Sequential(*layers, seed=seed, dtype=dtype)


def dense_layers(model: nn.Module) -> list[nn.Linear | nn.Tied]:
    """The layers with the weights that ``coefs_`` shows, those with weights of another's among them."""
    return [layer for _, layer in model.named_modules() if isinstance(layer, (nn.Linear, nn.Tied))]


def weight_of(layer: nn.Linear | nn.Tied) -> Array:
    """Its weights, (inputs, outputs): a view."""
    weight: Array = layer.layer.weight.data if isinstance(layer, nn.Tied) else layer.weight.data.T
    return weight
