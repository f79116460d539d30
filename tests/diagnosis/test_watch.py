"""What passes between layers, and its gradients, beside what the same model gives by hand."""

import numpy as np
import pytest

import lamella as lm
from diagnosis.world import classes, network, plain
from lamella import nn
from lamella.diagnosis import activations, gradients
from module.structures import OUTPUTS, STRUCTURES, batch, hold_randomness, model
from trainer.world import assert_same


class Square:
    """Keeps what it got."""

    def forward(self, x):
        self.x = x.copy()
        return x**2

    def backward(self, dy):
        return 2 * self.x * dy


def nested():
    return plain(
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Residual(nn.Linear(8, 8), nn.Tanh()),
        nn.Concat(nn.Linear(8, 3), nn.Sequential(nn.Linear(8, 2), Square())),
        nn.Linear(5, 4),
    )


def test_layers_have_their_places_for_names(rng):
    network, x = nested(), rng.standard_normal((9, 6))
    found = activations(network, x)
    assert list(found) == ["0", "1", "2", "3.0", "3.1", "4.0", "4.1.0", "4.1.1", "5"]
    network.eval()
    h = network[:3](x)
    inner = np.tanh(network[3][0](h))
    np.testing.assert_allclose(found["2"], h, rtol=1e-12)
    np.testing.assert_allclose(found["3.1"], inner, rtol=1e-12)
    np.testing.assert_allclose(found["4.1.1"], network[4][1][0](h + inner) ** 2, rtol=1e-12)
    np.testing.assert_allclose(found["5"], network(x), rtol=1e-12)


def test_a_layer_that_stands_in_two_places_has_two_names(rng):
    relu = nn.ReLU()
    found = activations(plain(nn.Linear(3, 4), relu, nn.Linear(4, 4), relu), rng.standard_normal((5, 3)))
    assert list(found) == ["0", "1", "2", "3"]
    assert not np.array_equal(found["1"], found["3"])


def test_a_single_layer_has_no_name(rng):
    x = rng.standard_normal((5, 3))
    layer = nn.Linear(3, 2)
    np.testing.assert_array_equal(activations(layer, x)[""], layer(x))


@pytest.mark.parametrize("name", STRUCTURES)
def test_gradients_are_those_by_hand(name, rng):
    network, loss = model(name), nn.CrossEntropyLoss()
    x, y = batch(rng, name, 8), rng.integers(OUTPUTS, size=8)
    found = gradients(network, x, y, loss)
    hold_randomness(network)
    value = loss(network(x), y)
    network.zero_grad()
    dx = network.backward(loss.backward())
    assert found.loss == value
    np.testing.assert_array_equal(found.input, dx)
    assert_same(found.parameters, {n: p.grad for n, p in network.named_parameters()})
    assert list(found.layers) == list(activations(network, x))
    if not network[-1].children():  # or the last one is inside
        np.testing.assert_array_equal(found.layers[str(len(network) - 1)], loss.backward())


def test_gradients_between_layers(rng):
    """Of slices: the gradient by what layer k makes is the input gradient of the rest."""
    network, loss = nested(), nn.CrossEntropyLoss()
    x, y = rng.standard_normal((9, 6)), rng.integers(4, size=9)
    found = gradients(network, x, y, loss, training=False)
    network.eval()
    for k in (1, 2, 3):
        rest = network[k:]
        loss(rest(network[:k](x)), y)
        np.testing.assert_allclose(found.layers[str(k - 1)], rest.backward(loss.backward()), rtol=1e-10, atol=1e-15)


def test_gradients_of_a_sum_and_with_weights(rng):
    network, x, y = nested(), rng.standard_normal((9, 6)), rng.integers(4, size=9)
    weight = rng.random(9)
    for reduction in ("sum", "none"):
        loss = nn.CrossEntropyLoss(reduction=reduction)
        found = gradients(network, x, y, loss, weight)
        assert found.loss == pytest.approx(float((weight * by_row(network, x, y)).sum()))
        assert loss.reduction == reduction
    assert gradients(network, x, y, nn.CrossEntropyLoss(), 3 * weight).loss == pytest.approx(found.loss / weight.sum())


def by_row(network, x, y):
    logits = network(x)  # in training: the statistics are of these rows
    return nn.CrossEntropyLoss(reduction="none")(logits, y)


@pytest.mark.parametrize("look", [lambda m, x, y: activations(m, x), lambda m, x, y: gradients(m, x, y, LOSS)])
def test_nothing_is_changed(look, rng):
    x, y = classes(12)
    first, twin = network(), network()
    for each in (first, twin):
        each(x)  # waits for its backward
    look(first, x, y)
    for each in (first, twin):
        each.backward(np.ones((12, 4)))
    assert_same(*({n: p.grad for n, p in each.named_parameters()} for each in (first, twin)))
    assert_same(first.state_dict(), twin.state_dict())
    np.testing.assert_array_equal(first(x), twin(x))  # the same masks are next


LOSS = nn.CrossEntropyLoss()


def test_layers_in_python_keep_what_they_kept(rng):
    body = Square()
    network = plain(nn.Linear(6, 4), body)
    network(rng.standard_normal((3, 6)))
    kept = body.x.copy()
    activations(network, rng.standard_normal((5, 6)))
    np.testing.assert_array_equal(body.x, kept)


def test_bad_input(rng):
    network, x, y = nested(), rng.standard_normal((9, 6)), rng.integers(4, size=9)
    with pytest.raises(ValueError, match=r"\[activations\] x has NaN or infinite values in column 2"):
        activations(network, np.where(np.arange(6) == 2, np.nan, x))
    with pytest.raises(TypeError, match=r"\[activations\] model is 3 but must be a Module"):
        activations(3, x)
    with pytest.raises(ValueError, match=r"\[gradients\] a training batch has 1 row but layer '1' \(BatchNorm1d\)"):
        gradients(network, x[:1], y[:1], nn.CrossEntropyLoss())
    assert gradients(network, x[:1], y[:1], nn.CrossEntropyLoss(), training=False).loss > 0
    with pytest.raises(RuntimeError, match="Hardmax"):
        gradients(plain(nn.Linear(6, 4), nn.Hardmax()), x, np.eye(4)[y], nn.MSELoss())


def test_modules_are_imported_when_they_are_used():
    assert "check_gradients" in dir(lm)
    assert lm.diagnosis.activations is activations
    with pytest.raises(AttributeError, match="module 'lamella' has no attribute 'nothing'"):
        lm.nothing  # noqa: B018
