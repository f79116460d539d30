"""Gradients of whole networks, by hand: forward, loss, backward; for every parameter and for the input."""

import itertools

import numpy as np
import pytest

import reference
from gradcheck import check_gradient, relative_error
from lamella import nn

ROWS = 5

#: What scaling layers are fitted to.
SCALED = np.random.default_rng(8).normal(1, 2, (30, 5))

#: Name: (layers, width of the input, width of the output). A bias before batch normalization has no gradient in
#: training, so those layers go without.
NETWORKS = {
    "linear": (lambda: [nn.Linear(4, 3)], 4, 3),
    "no_bias": (lambda: [nn.Linear(4, 6, bias=False), nn.Tanh(), nn.Linear(6, 2, bias=False)], 4, 2),
    "tanh": (lambda: [nn.Linear(4, 17), nn.Tanh(), nn.Linear(17, 3)], 4, 3),
    "sigmoid": (lambda: [nn.Linear(4, 9), nn.Sigmoid(), nn.Linear(9, 9), nn.Sigmoid(), nn.Linear(9, 2)], 4, 2),
    "relu": (lambda: [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3)], 6, 3),
    "one_unit": (lambda: [nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1), nn.Sigmoid(), nn.Linear(1, 2)], 1, 2),
    "activation_last": (lambda: [nn.Linear(5, 4), nn.Tanh()], 5, 4),
    "activation_first": (lambda: [nn.Tanh(), nn.Linear(5, 4), nn.Sigmoid(), nn.Tanh(), nn.Linear(4, 2)], 5, 2),
    "batchnorm": (lambda: [nn.Linear(5, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)], 5, 3),
    "batchnorm_plain": (lambda: [nn.BatchNorm1d(5), nn.Linear(5, 4), nn.Tanh(), nn.BatchNorm1d(4, affine=False)], 5, 4),
    "dropout": (lambda: [nn.Dropout(0.2), nn.Linear(9, 20), nn.Tanh(), nn.Dropout(0.5), nn.Linear(20, 3)], 9, 3),
    "gelu": (lambda: [nn.Linear(4, 9), nn.GELU(), nn.Linear(9, 5), nn.GELU("tanh"), nn.Linear(5, 2)], 4, 2),
    "smooth": (lambda: [nn.SiLU(), nn.Linear(4, 9), nn.Mish(), nn.Linear(9, 5), nn.Softplus(), nn.Linear(5, 2)], 4, 2),
    "elu": (lambda: [nn.Linear(4, 9), nn.ELU(0.5), nn.Linear(9, 5), nn.SELU(), nn.Linear(5, 2), nn.CELU(2.0)], 4, 2),
    "slopes": (lambda: [nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 6), nn.PReLU(6), nn.PReLU()], 4, 6),
    "layernorm": (
        lambda: [nn.LayerNorm(5), nn.Linear(5, 8), nn.LayerNorm(8, eps=0.1), nn.Tanh(), nn.Linear(8, 3)],
        5,
        3,
    ),
    "rmsnorm": (lambda: [nn.Linear(5, 8), nn.RMSNorm(8), nn.SiLU(), nn.Linear(8, 3), nn.RMSNorm(3, 0.1, False)], 5, 3),
    "scaling": (
        lambda: [
            nn.Standardize.of(SCALED),
            nn.Linear(5, 6),
            nn.Tanh(),
            nn.Normalize(),
            nn.Linear(6, 3),
            nn.RobustScale.of(SCALED[:, :3]).inverse(),
        ],
        5,
        3,
    ),
    "projection": (lambda: [nn.Projection.pca(SCALED, 4), nn.Linear(4, 3), nn.MinMaxScale.of(SCALED[:, :3])], 5, 3),
    "softmax": (lambda: [nn.Linear(5, 4), nn.Softmax(), nn.Linear(4, 3), nn.LogSoftmax()], 5, 3),
    "maxout": (lambda: [nn.Maxout(5, 6, 3), nn.Dropout(0.2), nn.Maxout(6, 3, bias=False)], 5, 3),
    "everything": (
        lambda: [
            nn.Linear(6, 12, bias=False),
            nn.BatchNorm1d(12),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Sequential(nn.Linear(12, 7), nn.Sigmoid(), nn.Dropout(0.1)),
            nn.Linear(7, 4),
        ],
        6,
        4,
    ),
}

LOSSES = {
    "cross_entropy": (nn.CrossEntropyLoss, lambda rng, width: rng.integers(0, width, ROWS)),
    "binary": (nn.BCEWithLogitsLoss, lambda rng, width: rng.uniform(size=(ROWS, width))),
    "squared": (nn.MSELoss, lambda rng, width: rng.standard_normal((ROWS, width))),
}


def build(rng, network):
    """A float64 model with biases, scales and running statistics that are not the plain first ones."""
    layers, inputs, outputs = NETWORKS[network]
    model = nn.Sequential(*layers(), seed=3, dtype="float64")
    for parameter in model.parameters():
        if len(parameter.shape) == 1:
            parameter.data[...] = rng.uniform(0.5, 1.5, parameter.shape)
    for name, state in model.named_states():
        state.data[...] = rng.uniform(0.5, 1.5, state.shape) if name.endswith("var") else rng.normal(size=state.shape)
    return model, inputs, outputs


def hold_masks(model):
    """The next forward pass draws the masks of the first one."""
    for _, module in model.named_modules():
        if isinstance(module, nn.Dropout):
            module.settings["step"] = 0.0


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("network", NETWORKS)
def test_gradients(rng, network, loss, training):
    model, inputs, outputs = build(rng, network)
    model.train(training)
    make_loss, make_target = LOSSES[loss]
    criterion, target = make_loss(), make_target(rng, outputs)
    x = rng.standard_normal((ROWS, inputs))

    def value():
        hold_masks(model)
        return criterion(model(x), target)

    value()
    model.zero_grad()
    dx = model.backward(criterion.backward())
    gradients = [parameter.grad.copy() for parameter in model.parameters()]
    check_gradient(value, x, dx)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        check_gradient(value, parameter.data, gradient)


def test_the_check_finds_a_wrong_gradient(rng):
    x = rng.standard_normal(5)
    check_gradient(lambda: float((x**3).sum()), x, 3 * x**2)
    with pytest.raises(AssertionError, match="relative error"):
        check_gradient(lambda: float((x**3).sum()), x, 3 * x**2 * (1 + 1e-6))


def test_masks_are_held(rng):
    # Else the differences above would be of different functions.
    model, inputs, _ = build(rng, "dropout")
    x = rng.standard_normal((ROWS, inputs))
    first, second = model(x), model(x)
    assert not np.array_equal(first, second)
    hold_masks(model)
    np.testing.assert_array_equal(model(x), first)


def test_backward_adds_to_gradients(rng):
    model, inputs, outputs = build(rng, "everything")
    model.eval()
    x, dy = rng.standard_normal((ROWS, inputs)), rng.standard_normal((ROWS, outputs))
    model.zero_grad()
    for _ in range(2):
        model(x)
        model.backward(dy)
    twice = [parameter.grad.copy() for parameter in model.parameters()]
    model.zero_grad()
    model(x)
    model.backward(dy)
    for parameter, both in zip(model.parameters(), twice, strict=True):
        np.testing.assert_allclose(both, 2 * parameter.grad, rtol=1e-14)


@pytest.mark.parametrize("name", ["ReLU", "Tanh", "Sigmoid"])
def test_fused_activations_across_blocks(rng, name):
    # Layers longer, wider and deeper than the products' blocks, with activations applied to finished tiles. The last
    # has one column, which products treat by itself.
    widths, rows = [500, 501, 499, 1], 131
    activation, slope = getattr(reference, name.lower()), getattr(reference, f"{name.lower()}_slope")
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
    model = nn.Sequential(*(part for layer in layers for part in (layer, getattr(nn, name)())), seed=1, dtype="float64")
    for parameter in model.parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape) * parameter.shape[-1] ** -0.5
    x, dy = rng.standard_normal((rows, 500)), rng.standard_normal((rows, 1))
    y = model(x)
    model.zero_grad()
    dx = model.backward(dy)

    values, want = [x], {}
    for layer in layers:
        values.append(activation(reference.linear_forward(values[-1], layer.weight.data.T, layer.bias.data)))
    gradient = dy
    for layer, before, after in zip(layers[::-1], values[-2::-1], values[:0:-1], strict=True):
        gradient = gradient * slope(after)
        want[layer] = reference.linear_backward_weight(gradient, before)
        gradient = reference.linear_backward_input(gradient, layer.weight.data.T)

    # Three layers of sums of 500 terms, forward and back.
    tolerance = 6 * 500 * np.finfo(np.float64).eps
    assert relative_error(y, values[-1]) < tolerance
    assert relative_error(dx, gradient) < tolerance
    for layer, (dw, db) in want.items():
        assert relative_error(layer.weight.grad, dw.T) < tolerance
        assert relative_error(layer.bias.grad, db) < tolerance
