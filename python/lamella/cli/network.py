"""The network and optimizer that the options describe."""

from argparse import Namespace

from lamella import nn, optim

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}

#: Optimizers, with the learning rate where none is given.
LEARNING_RATES = {"adam": 1e-3, "sgd": 1e-2, "rmsprop": 1e-3}

_MOMENTUM = 0.9


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
    parameters = model.parameters()
    if args.optimizer == "sgd":
        return optim.SGD(parameters, lr=args.lr, momentum=_MOMENTUM)
    if args.optimizer == "rmsprop":
        return optim.RMSprop(parameters, lr=args.lr)
    return optim.Adam(parameters, lr=args.lr)


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
