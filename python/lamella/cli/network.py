"""The network and optimizer that the options describe."""

import inspect
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from lamella import nn, optim
from lamella.nn.activation import Activation

#: Layers of nn, by their names in small letters, that stand after a dense layer.
ACTIVATIONS: dict[str, type[nn.Module]] = {
    name.lower(): kind
    for name in sorted(nn.__all__, key=str.lower)
    if isinstance(kind := getattr(nn, name), type) and issubclass(kind, (Activation, nn.PReLU))
}

#: Optimizers, by their names in small letters.
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    name.lower(): kind
    for name in sorted(optim.__all__, key=str.lower)
    if isinstance(kind := getattr(optim, name), type)
    and issubclass(kind, optim.Optimizer)
    and kind is not optim.Optimizer
}

#: Where no learning rate is given; for the others, what they take by themselves.
_RATES = {"sgd": 1e-2, "rmsprop": 1e-3}

_MOMENTUM = 0.9


def learning_rate(optimizer: str) -> float:
    """Of that optimizer, where none is given."""
    own = inspect.signature(OPTIMIZERS[optimizer]).parameters["lr"].default
    return float(_RATES.get(optimizer, own))


def make_model(args: Namespace, inputs: int, outputs: int) -> nn.Sequential:
    """Dense layers, each with batch normalization and dropout if asked for, and a last one for the outputs."""
    layers: list[nn.Module] = []
    width = inputs
    for units in args.layers:
        layers.append(nn.Linear(width, units))
        if args.batch_norm:
            layers.append(nn.BatchNorm1d(units))
        layers.append(ACTIVATIONS[args.activation]())
        if args.dropout > 0:
            layers.append(nn.Dropout(args.dropout))
        width = units
    return nn.Sequential(*layers, nn.Linear(width, outputs), seed=args.seed)


def make_optimizer(args: Namespace, model: nn.Module) -> optim.Optimizer:
    """By name; SGD has momentum 0.9."""
    own: dict[str, Any] = {"momentum": _MOMENTUM} if args.optimizer == "sgd" else {}
    return OPTIMIZERS[args.optimizer](model.parameters(), lr=args.lr, **own)


def describe(args: Namespace, model: nn.Module, inputs: int, outputs: int) -> str:
    """Network and training in one line."""
    extras = [args.activation] if args.layers else []
    extras += ["batch norm"] if args.layers and args.batch_norm else []
    extras += [f"dropout {args.dropout:g}"] if args.layers and args.dropout > 0 else []
    widths = "-".join(map(str, [inputs, *args.layers, outputs]))
    return (
        f"{', '.join([widths, *extras])}: {model.num_parameters:,} parameters; {args.optimizer}, lr {args.lr:g}, "
        f"batch size {args.batch_size}"
    )
