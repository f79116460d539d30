"""The network of an autoencoder: an encoder, and its mirror image."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lamella import nn
from lamella.estimators.network import activation_of, each_layer, init_of, widths_of


def make_mirror(where: str, estimator: Any, features: int, seed: int, dtype: str) -> nn.Sequential:
    """The network that an :class:`Autoencoder`'s arguments describe: Sequential(encoder, decoder)."""
    hidden = widths_of(where, estimator.hidden_layer_sizes)
    kinds = each_layer(where, "activation", estimator.activation, len(hidden))
    shares = each_layer(where, "dropout", estimator.dropout, len(hidden))
    widths = [features, *hidden, estimator.n_components]

    def after(place: int) -> list[nn.Module]:
        """What follows the dense layer of a hidden layer, on its way to the code or back."""
        activation = activation_of(where, kinds[place])
        normalization = [nn.BatchNorm1d(hidden[place])] if estimator.batch_norm else []
        return [*normalization, activation, *([nn.Dropout(shares[place])] if shares[place] > 0 else [])]

    def init(rest: Sequence[nn.Module]) -> Any:
        """First weights before what follows."""
        names = (layer for layer in rest if not isinstance(layer, (nn.BatchNorm1d, nn.Dropout)))
        return init_of(estimator.init, next(names, nn.Identity()))

    encoder: list[nn.Module] = []
    if estimator.noise > 0:
        encoder.append(nn.GaussianNoise(estimator.noise))
    if estimator.masking > 0:
        encoder.append(nn.Dropout(estimator.masking))
    there = []
    for place, (before, width) in enumerate(pairwise(widths)):
        rest = after(place) if place < len(hidden) else [activation_of(where, estimator.code_activation)]
        there.append(nn.Linear(before, width, init=init(rest)))
        encoder += [there[-1], *rest]
    if estimator.sparsity_l1 > 0 or estimator.sparsity_kl > 0:
        encoder.append(nn.Sparsity(estimator.sparsity_l1, estimator.sparsity_kl, estimator.sparsity_target))
    decoder: list[nn.Module] = []
    for place in reversed(range(len(there))):
        rest = after(place - 1) if place > 0 else []
        back = nn.Tied(there[place]) if estimator.tied else nn.Linear(widths[place + 1], widths[place], init=init(rest))
        decoder += [back, *rest]
    return nn.Sequential(nn.Sequential(*encoder), nn.Sequential(*decoder), seed=seed, dtype=dtype)
