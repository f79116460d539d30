"""Seeds: first weights and dropout."""

import numpy as np
import pytest

from lamella import nn
from module.networks import assert_same_state, network, plain


def test_the_seed_decides_the_weights():
    assert_same_state(network(seed=1), network(seed=1))
    assert_same_state(plain(), nn.Sequential(*plain().layers))  # no seed is a seed too: 0
    for key, value in network(seed=1).state_dict().items():
        if key.endswith("weight") and value.ndim == 2:
            assert not np.isclose(value, network(seed=2).state_dict()[key]).any()


def test_layers_of_one_model_differ():
    state = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()).state_dict()
    assert not np.isclose(state["0.weight"], state["2.weight"]).any()


def test_float64_starts_at_the_unrounded_float32_weights():
    single, double = network("float32").state_dict(), network("float64").state_dict()
    for key in single:
        np.testing.assert_array_equal(single[key], double[key].astype(single[key].dtype))


def masks(seed=0, steps=3):
    """What two dropout layers keep of ones, step by step: (steps, layers, cells)."""
    first, second = nn.Dropout(0.5), nn.Dropout(0.5)
    nn.Sequential(first, second, seed=seed).parameters()  # gives both the seed and their places
    x = np.ones((50, 40), np.float32)
    return np.array([[layer(x).ravel() > 0 for layer in (first, second)] for _ in range(steps)])


def test_dropout_differs_by_step_layer_and_seed():
    kept = masks()
    np.testing.assert_array_equal(kept, masks())
    different = [kept[0, 0], kept[1, 0], kept[2, 0], kept[0, 1], kept[1, 1], masks(seed=1)[0, 0]]
    for i, one in enumerate(different):
        for other in different[:i]:
            # Independent masks agree in half of the cells: 2000 of them, five deviations of 1.1%.
            assert abs((one == other).mean() - 0.5) < 0.056


def test_dropout_keeps_the_share_and_the_mean():
    for p in (0.1, 0.5, 0.9):
        y = nn.Sequential(nn.Dropout(p), seed=4)(np.ones((400, 100)))
        # 40,000 cells: the share's deviation is at most 0.25%; five of them.
        assert abs((y == 0).mean() - p) < 0.0125
        np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)


def test_dropout_of_nothing_and_of_everything():
    x = np.random.default_rng(0).standard_normal((6, 70)).astype(np.float32)
    np.testing.assert_array_equal(nn.Dropout(0.0)(x), x)
    np.testing.assert_array_equal(nn.Dropout(1.0)(x), 0 * x)


def test_dropouts_backward_has_the_forwards_mask():
    layer = nn.Dropout(0.4)
    y = layer(np.ones((9, 77)))
    np.testing.assert_array_equal(layer.backward(np.ones((9, 77))), y)


def test_dropouts_rate_may_change_any_time():
    layer, x = nn.Dropout(0.5), np.ones((10, 10))
    model = nn.Sequential(layer)
    model(x)
    layer.p = 0.0
    np.testing.assert_array_equal(model(x), x)
    assert layer.p == 0.0
    assert repr(layer) == "Dropout(p=0.0)"


@pytest.mark.parametrize(
    "after", [[nn.ReLU()], [nn.BatchNorm1d(600), nn.ReLU()], [nn.Dropout(0.5), nn.Sequential(nn.ReLU())]], ids=str
)
def test_weights_before_a_relu_are_he_normal(after):
    weights = nn.Sequential(nn.Linear(1000, 600), *after).state_dict()["0.weight"]
    deviation = np.sqrt(2 / 1000)
    # 600,000 draws: the deviation of the deviation is 0.1%, of the mean 0.13%; five of them.
    assert weights.std() == pytest.approx(deviation, rel=0.005)
    assert abs(weights.mean()) < 0.0065 * deviation
    assert (np.abs(weights) > 2 * deviation).mean() == pytest.approx(0.0455, rel=0.05)  # a normal's tails


@pytest.mark.parametrize(
    "after", [[], [nn.Tanh()], [nn.BatchNorm1d(600), nn.Sigmoid()], [nn.Linear(600, 2), nn.ReLU()]], ids=str
)
def test_other_weights_are_glorot_uniform(after):
    weights = nn.Sequential(nn.Linear(1000, 600), *after).state_dict()["0.weight"]
    bound = np.sqrt(6 / 1600)
    assert np.abs(weights).max() <= bound
    assert np.abs(weights).max() > 0.999 * bound
    assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.005)
    assert abs(weights.mean()) < 0.0065 * bound


def test_first_weights_may_be_chosen():
    model = nn.Sequential(nn.Linear(100, 50, init="glorot_uniform"), nn.ReLU(), nn.Linear(50, 3, init="zeros"))
    state = model.state_dict()
    assert np.abs(state["0.weight"]).max() <= np.sqrt(6 / 150)
    assert not state["2.weight"].any()


def test_biases_and_norms_start_neutral():
    state = network().state_dict()
    assert not any(state[key].any() for key in ("0.bias", "1.bias", "6.bias", "1.running_mean"))
    assert (state["1.weight"] == 1).all()
    assert (state["1.running_var"] == 1).all()
    assert state["1.num_batches_tracked"] == 0
