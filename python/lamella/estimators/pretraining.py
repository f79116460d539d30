"""Greedy layer-wise pre-training of an autoencoder."""

from typing import Any

from sklearn.base import clone

from lamella import nn
from lamella._arrays import Array
from lamella.estimators.network import dense_layers, each_layer, widths_of

#: Of an autoencoder with one layer each way that is trained for some epochs and no more.
_PLAIN = {
    "hidden_layer_sizes": (),
    "activation": "relu",
    "dropout": 0.0,
    "pretrain_iter": 0,
    "early_stopping": False,
    "warm_start": False,
    "callbacks": None,
    "verbose": False,
    "dtype": None,
}


def pretrain(where: str, estimator: Any, network: nn.Sequential, x: Array, sample_weight: Array | None) -> None:
    """Set first weights, layer by layer: each and its mirror image learn to restore what the layer before it says.

    Bengio et al. 2007; with noise or masking on what each is given: Vincent et al. 2010.
    """
    hidden = widths_of(where, estimator.hidden_layer_sizes)
    kinds = [*each_layer(where, "activation", estimator.activation, len(hidden)), estimator.code_activation]
    widths = [*hidden, estimator.n_components]
    seed = network.store().seed
    pairs = zip(dense_layers(network[0]), reversed(dense_layers(network[1])), strict=True)
    for place, own in enumerate(pairs):
        pair = clone(estimator).set_params(
            **_PLAIN, n_components=widths[place], code_activation=kinds[place], random_state=seed + place
        )
        if place > 0:
            pair.set_params(loss="squared_error")
        if place < len(hidden):
            pair.set_params(sparsity_l1=0.0, sparsity_kl=0.0)
        for _ in range(estimator.pretrain_iter):
            pair.partial_fit(x, sample_weight=sample_weight)
        for layer, trained in zip(own, dense_layers(pair.network_), strict=True):
            layer.load_state_dict(trained.state_dict())
        x = pair.transform(x)
