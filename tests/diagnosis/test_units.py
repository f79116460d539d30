"""Dead, saturated and correlated units; what is inspected of layers and parameters, and what it means."""

import numpy as np
import pytest

import lamella as lm
from diagnosis.world import classes, network, plain, trainer
from lamella import nn, optim
from lamella.diagnosis import Histogram, activations, correlations, gradients, inspect, unit_statistics
from lamella.nn.activation import Activation
from trainer.world import assert_same, everything

ACTIVATIONS = [
    kind
    for kind in vars(nn).values()
    if isinstance(kind, type) and issubclass(kind, Activation) and kind is not Activation
]


def one(activation, shifts=(-50.0, 0.0, 50.0)):
    """A layer whose units get x and a shift each."""
    network = plain(nn.Linear(1, len(shifts)), activation)
    network.parameters()
    network[0].weight.data[...], network[0].bias.data[...] = 1.0, shifts
    return network


X = np.linspace(-2, 2, 41)[:, None]


def test_a_relu_that_is_never_active_is_dead():
    found = unit_statistics(one(nn.ReLU()), X)
    assert found["0"].dead is None
    np.testing.assert_array_equal(found["1"].dead, [True, False, False])
    assert found["1"].saturated is None  # half of a ReLU's values are 0, and that is as it should be
    np.testing.assert_allclose(found["1"].mean, [0, X[X > 0].sum() / 41, 50], atol=1e-12)
    assert found["1"].kind == "ReLU"


def test_a_relu_that_is_active_once_is_not_dead():
    np.testing.assert_array_equal(unit_statistics(one(nn.ReLU(), [-1.99, -2.01]), X)["1"].dead, [False, True])


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.__name__)
def test_units_of_every_activation(kind):
    """Those that are flat to the left or the right of everything are dead there; in the middle none is."""
    dead = unit_statistics(one(kind()), X)["1"].dead
    left = kind not in (nn.LeakyReLU, nn.LogSigmoid)
    right = kind in (nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.ReLU6, nn.LogSigmoid)
    if kind is nn.Softsign:  # 1 / (1 + |x|)^2 falls slowly
        left = right = True
    assert list(dead) == [left, False, right]


def test_saturation_is_by_the_derivative():
    """tanh' = 1 - y^2 below 0.05, sigmoid' = y (1 - y) below 0.05 / 4."""
    for activation, slope in ((nn.Tanh(), lambda y: 1 - y**2), (nn.Sigmoid(), lambda y: 4 * y * (1 - y))):
        network = one(activation, [0.0, 1.5, 4.0])
        made = activations(network, X)["1"]
        for threshold in (0.05, 0.5):
            found = unit_statistics(network, X, threshold)["1"].saturated
            np.testing.assert_array_equal(found, (slope(made) < threshold).mean(axis=0))
        assert 0 < found[0] < found[2] <= 1


def test_correlations(rng):
    a, b = rng.standard_normal((2, 50))
    values = np.stack([a, b, 2 * a + 1, -b, np.ones(50)], axis=1)
    found = correlations(values)
    np.testing.assert_allclose(found[:4, :4], np.corrcoef(values[:, :4].T), atol=1e-12)
    assert (found[4] == 0).all()
    assert found[0, 2] == pytest.approx(1)
    assert found[1, 3] == pytest.approx(-1)


def test_histograms():
    found = Histogram.of(np.array([[0.0, 1.0, 2.0], [np.nan, 0.0, np.inf]]), bins=2)
    np.testing.assert_array_equal(found.counts, [2, 2])
    np.testing.assert_array_equal(found.edges, [0, 1, 2])
    np.testing.assert_array_equal(found.centers, [0.5, 1.5])
    assert (found.zeros, found.not_finite) == (2, 2)
    assert Histogram.of(np.full(3, 7.0)).counts.sum() == 3
    assert Histogram.of(np.full(3, np.nan)).not_finite == 3
    many = Histogram.of(np.linspace(0, 1, 3 * 2**20).reshape(3, -1), bins=4)
    np.testing.assert_allclose(many.counts, 2**18, rtol=1e-4)


def test_inspect_is_what_the_numbers_say():
    model, (x, y), loss = network(dtype="float64"), classes(60), nn.CrossEntropyLoss()
    model(x)
    found = inspect(model, x, y, loss)
    made, flow = activations(model, x), gradients(model, x, y, loss)
    assert list(found.layers) == list(made)
    assert [layer.kind for layer in found.layers.values()][:3] == ["Linear", "ReLU", "Dropout"]
    for name, layer in found.layers.items():
        assert layer.units == made[name].shape[1]
        assert layer.mean == pytest.approx(made[name].mean())
        assert layer.std == pytest.approx(made[name].std())
        assert layer.activations.counts.sum() == made[name].size
        assert layer.gradient_rms == pytest.approx(60 * np.sqrt((flow.layers[name] ** 2).mean()))
        assert layer.gradients.counts.sum() == made[name].size
    own = correlations(made["1"][:, made["1"].any(axis=0)])
    units = len(own)
    assert found.layers["1"].correlation == pytest.approx((np.abs(own).sum() - units) / (units * (units - 1)))
    assert found.layers["0"].correlation is None
    for name, parameter in model.named_parameters():
        record = found.parameters[name]
        assert record.shape == parameter.shape
        assert record.norm == pytest.approx(np.linalg.norm(parameter.data))
        assert record.gradient_norm == pytest.approx(np.linalg.norm(flow.parameters[name]))
        assert record.update_ratio is None
    assert found.epoch == -1
    assert found.rates == ()
    without = inspect(model, x)
    assert without.layers["0"].gradients is without.layers["0"].gradient_rms is None
    assert without.parameters["0.weight"].gradient_norm is None


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_update_ratio_is_that_of_the_next_step(accumulate):
    """And trying it out leaves everything as it was."""
    x, y = classes(40)
    worlds = [trainer(network(dtype="float64"), accumulate=accumulate) for _ in range(2)]
    for world in worlds:
        world.fit(x, y, epochs=2, batch_size=8)
    found = inspect(worlds[0], x, y)
    assert found.rates == (1e-3,)
    assert_same(*map(everything, worlds))
    for world in worlds:
        before = {name: parameter.data.copy() for name, parameter in world.model.named_parameters()}
        world.added = 0
        for _ in range(accumulate):
            world.step(x, y)
        for name, parameter in world.model.named_parameters():
            moved = np.linalg.norm(parameter.data - before[name]) / np.linalg.norm(before[name])
            assert found.parameters[name].update_ratio == pytest.approx(moved, rel=1e-12)


def kinds(record):
    return {finding.kind: finding for finding in record.findings}


def test_a_healthy_network_has_no_findings():
    model, (x, y) = network(), classes()
    assert inspect(model, x, y, nn.CrossEntropyLoss()).findings == ()
    world = trainer(model)
    world.fit(x, y, epochs=3)
    assert inspect(world, x, y).findings == ()


def test_dead_units_are_told():
    x, y = classes()
    world = trainer(network(), lr=2.0, kind=optim.SGD)
    world.model.parameters()
    world.model[0].bias.data[...] = -30
    every = [finding for finding in inspect(world, x, y).findings if finding.kind == "dead units"]
    assert [finding.where for finding in every] == ["1", "5"]  # what is always the same is 0 after batch norm
    found = every[0]
    assert found.value == 1.0
    assert "layer 1 (ReLU): 100% of its 64 units are dead" in str(found)
    assert any("LeakyReLU" in advice for advice in found.advice)


def test_saturated_units_are_told():
    x, y = classes()
    found = inspect(network(activation=nn.Tanh, init=nn.init.Normal(std=3.0)), x, y, nn.CrossEntropyLoss())
    assert {f.where for f in found.findings if f.kind == "saturated units"} == {"1"}  # batch norm saves the other one
    assert found.layers["1"].saturated > 0.7
    assert "saturated" in repr(found)


def test_statistics_that_have_not_been_taken_yet_are_those_of_the_rows():
    """Else all of a new network's numbers would be those of another scale."""
    x, y = classes()
    model = network(init=nn.init.Normal(std=3.0), dtype="float64")
    new = inspect(model, x, y, nn.CrossEntropyLoss())
    assert new.layers["4"].std == pytest.approx(1, abs=1e-3)
    assert (model[4].running_mean.data == 0).all()
    assert model[4].extra_state()["num_batches_tracked"] == 0
    nn.exact_batchnorm_statistics(model, x)
    np.testing.assert_array_equal(inspect(model, x).layers["5"].activations.counts, new.layers["5"].activations.counts)


def test_equal_first_weights_are_told():
    x, y = classes()
    found = kinds(inspect(network(init=nn.init.Constant(0.1)), x, y, nn.CrossEntropyLoss()))
    assert found["correlated units"].value == pytest.approx(1)


def deep(activation, factor):
    inside = [layer for _ in range(8) for layer in (nn.Linear(20, 20), activation())]
    model = plain(*inside, nn.Linear(20, 4))
    for parameter in model.parameters():
        parameter.data[...] *= factor
    return model


def test_vanishing_and_exploding_gradients_are_told():
    x, y = classes()
    vanishing = kinds(inspect(deep(nn.Sigmoid, 1.0), x, y, nn.CrossEntropyLoss()))["vanishing gradients"]
    assert vanishing.value < 1e-3
    exploding = kinds(inspect(deep(nn.ReLU, 5.0), x, y, nn.CrossEntropyLoss()))["exploding gradients"]
    assert exploding.value > 1e3
    none = kinds(inspect(deep(nn.ReLU, 0.0), x, y, nn.CrossEntropyLoss()))["no gradient"]
    assert none.where == "0"


def test_updates_out_of_scale_are_told():
    x, y = classes()
    large = kinds(inspect(trainer(lr=1.0), x, y))["large updates"]
    assert large.value > 0.5
    assert kinds(inspect(trainer(lr=1e-8), x, y))["small updates"].value < 1e-6


def test_what_is_not_finite_is_told():
    x, y = classes()
    model = network()
    model.parameters()
    model[0].weight.data[...] = np.inf
    record = inspect(model, x, y, nn.CrossEntropyLoss())
    assert record.findings[0].kind == "not finite"
    assert record.findings[0].where == "0"
    assert "nan" in repr(record)


def test_bad_input():
    x, y = classes(20)
    for arguments, options, kind, message in [
        ((3, x), {}, TypeError, r"model is 3 but must be a Module"),
        ((network(), x, y), {}, TypeError, "loss is None but must be a Loss"),
        ((network(), x[:, 1:]), {}, ValueError, "x has 19 features"),
        ((network(), x, y, nn.CrossEntropyLoss()), {"bins": 0}, ValueError, "bins is 0"),
        ((network(), x), {"threshold": 2}, ValueError, r"threshold is 2 but must be in \[0, 1\]"),
        ((network(), x[:1], y[:1], nn.CrossEntropyLoss()), {}, ValueError, "a training batch has 1 row"),
    ]:
        with pytest.raises(kind, match=rf"\[inspect\] {message}"):
            inspect(*arguments, **options)
    with pytest.raises(ValueError, match=r"\[unit_statistics\] threshold is -1"):
        unit_statistics(network(), x, -1)


def test_a_recorded_model_prints_as_tables():
    x, y = classes()
    text = repr(inspect(trainer(), x, y))
    assert text.splitlines()[0].split() == [
        *["layer", "units", "mean", "std", "dead", "saturated", "correlation", "gradient"]
    ]
    assert "0.weight" in text
    assert lm.diagnosis.inspect is inspect
