"""The range test, and the search for the largest rate that is stable."""

import sys

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from lamella.trainer.range_test import _averages
from trainer.world import OPTIMIZERS, N, assert_same, data, everything, labelled, network, trainer


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("search", ["lr_range_test", "largest_stable_lr"])
def test_everything_is_as_before(search, kind, python):
    """Bit for bit: weights, statistics, counters, slots, gradients, rates; and what comes next."""
    world, twin = trainer(kind, python=python), trainer(kind, python=python)
    for each in (world, twin):
        each.fit(*data(), epochs=2)
    before = everything(world)
    getattr(world, search)(*data(), steps=20)
    assert_same(everything(world), before)
    for each in (world, twin):
        each.fit(*data(), epochs=1)
    assert_same(everything(world), everything(twin))


def test_an_interrupted_test_leaves_all_as_before(monkeypatch):
    world = trainer()
    world.fit(*data())
    before = everything(world)
    step, calls = type(world._step).run, []

    def fail(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(type(world._step), "run", fail)
    with pytest.raises(KeyboardInterrupt):
        world.lr_range_test(*data())
    monkeypatch.undo()
    assert_same(everything(world), before)


def test_losses_are_those_of_steps_at_growing_rates():
    world, twin = trainer("SGD"), trainer("SGD")
    (x, y), rates = data(), np.geomspace(1e-3, 1.0, 12)
    found = world.lr_range_test(x, y, low=1e-3, high=1.0, steps=12, batch_size=16)
    np.testing.assert_array_equal(found.rates, rates)
    assert found.diverged_at is None
    expected = []
    for step, rate in enumerate(rates):
        order = _core.permutation(N, 3, step // 4)  # 67 rows: four batches of 16
        rows = order[16 * (step % 4) :][:16]
        twin.optimizer.lr = rate
        expected.append(twin.step(x[rows], y[rows]))
    np.testing.assert_array_equal(found.losses, expected)


def test_groups_keep_their_proportion():
    model = network()
    groups = [{"params": model.parameters()[:2], "lr": 0.2}, {"params": model.parameters()[2:], "lr": 0.0}]
    world = lm.Trainer(model, nn.MSELoss(), optim.SGD(groups))
    weight, seen = model.layers[4].weight.data.copy(), []
    run = world.lr_range_test(*data(), steps=5)
    assert run.losses.shape == (5,)
    np.testing.assert_array_equal(model.layers[4].weight.data, weight)
    seen = [group["lr"] for group in world.optimizer.param_groups]
    assert seen == [0.2, 0.0]


def test_a_schedule_does_not_notice():
    world = trainer("SGD")
    schedule = optim.ExponentialLR(world.optimizer, 0.5)
    world.fit(*data(), epochs=2, schedule=schedule)
    world.lr_range_test(*data(), steps=5)
    world.fit(*data(), epochs=2, schedule=schedule)
    assert world.history["lr"] == [0.05, 0.025, 0.0125, 0.00625]
    assert optim.StepLR(world.optimizer, 3).base_lrs == [0.05]


def linear(lr=0.1):
    """On the data below, gradient descent on |w - w*|^2."""
    model = nn.Sequential(nn.Linear(5, 1, bias=False), seed=0, dtype="float64")
    return lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=lr))


def quadratic():
    x = np.linalg.qr(np.random.default_rng(0).standard_normal((64, 5)))[0] * 8  # x'x = 64 I
    return x, x @ np.arange(1.0, 6.0)


def test_the_suggestion_is_where_the_loss_falls_fastest():
    found = linear().lr_range_test(*quadratic(), low=1e-4, high=10, batch_size=64)
    assert found.diverged_at is not None
    assert 1.0 < found.diverged_at < 10.0  # the Hessian is 2 I: above a rate of 1 the loss grows
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 100
    assert 0.02 < found.suggestion < 0.5
    lowest = np.argmin(found.smoothed)
    decades = np.log10(found.rates[: lowest + 1])
    slopes = [
        np.polyfit(decades[near], found.smoothed[: lowest + 1][near], 1)[0]
        for near in (np.abs(decades - middle) <= 1 for middle in decades[decades < decades[-1] - 0.5])
    ]
    assert found.suggestion == found.rates[np.argmin(slopes)]


@pytest.mark.parametrize("seed", range(4))
def test_noise_between_batches_makes_no_suggestion(seed):
    """Losses on the plateau jump about more from step to step than the true descent falls."""
    rng = np.random.default_rng(seed)
    rates = np.geomspace(1e-7, 1, 100)
    true = 1.4 - 0.7 / (1 + (3e-3 / rates) ** 1.5)
    losses = true + 0.15 * rng.standard_normal(100)
    smoothed = (_averages(losses, 0.9) + _averages(losses[::-1], 0.9)[::-1]) / 2
    assert 5e-4 < lm.LRRangeTest(rates, losses, smoothed, None).suggestion < 5e-2


def test_two_rates_are_enough_for_a_suggestion():
    assert lm.LRRangeTest(*(np.array(pair) for pair in ([0.1, 1.0], [2.0, 1.0], [2.0, 1.0])), None).suggestion == 0.1


def test_where_nothing_falls_there_is_no_suggestion():
    x, y = quadratic()
    found = linear().lr_range_test(x, y, low=5.0, high=50.0, batch_size=64)
    assert found.suggestion is None
    assert found.diverged_at is not None


def test_the_average_does_not_lag():
    """A symmetric valley keeps its place."""
    values = np.abs(np.linspace(-1, 1, 41))
    both = (_averages(values, 0.9) + _averages(values[::-1], 0.9)[::-1]) / 2
    assert np.argmin(both) == 20
    assert np.argmin(_averages(values, 0.9)) > 22
    np.testing.assert_allclose(_averages(np.full(9, 3.0), 0.9), 3.0)
    np.testing.assert_array_equal(_averages(values, 0.0), values)


def test_largest_stable_lr():
    """Gradient descent on |w - w*|^2 is stable below a rate of 1."""
    assert linear().largest_stable_lr(*quadratic(), high=10, batch_size=64) == 0.625
    assert linear().largest_stable_lr(*quadratic(), high=0.9, batch_size=64) == 0.9
    assert linear().largest_stable_lr(*quadratic(), high=8, factor=0.1, batch_size=64) == pytest.approx(0.8)
    with pytest.raises(lm.DivergenceError, match=r"diverges at every rate from 10 down to 2: standardise"):
        linear().largest_stable_lr(*quadratic(), high=10, low=2, batch_size=64)


def test_labels_float32_and_few_rows():
    world = trainer("Adam", nn.CrossEntropyLoss, outputs=3, dtype="float32")
    found = world.lr_range_test(*labelled(), steps=30)
    assert np.isfinite(found.losses).all()
    assert world.lr_range_test(*labelled(3), steps=5, batch_size=32).losses.shape == (5,)


def test_a_loss_that_is_not_finite_before_the_first_step():
    world = linear()
    world.model.layers[0].weight.data[...] = 1e200
    with pytest.raises(lm.DivergenceError, match=r"\[Trainer.lr_range_test\] the loss is inf before the first step"):
        world.lr_range_test(*quadratic())


def test_plot():
    figure = pytest.importorskip("matplotlib.figure")
    found = linear().lr_range_test(*quadratic(), low=1e-4, batch_size=64)
    axes = found.plot()
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "learning rate"
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), found.rates)
    assert any("suggestion" in text.get_text() for text in axes.get_legend().get_texts())
    given = figure.Figure().subplots()
    assert found.plot(given) is given
    flat = lm.LRRangeTest(np.array([0.1, 1.0]), np.array([1.0, np.inf]), np.array([1.0, 1.0]), 1.0)
    assert "suggestion=None, diverged_at=1" in repr(flat)
    flat.plot()


def test_plot_without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = lm.LRRangeTest(np.array([0.1]), np.array([1.0]), np.array([1.0]), None)
    with pytest.raises(ImportError, match=r'needs matplotlib.*pip install "lamella\[train\]"'):
        found.plot()


WRONG = {
    "low 0": ({"low": 0}, ValueError, "low is 0 but must be above 0"),
    "low text": ({"low": "x"}, TypeError, "low is 'x'"),
    "high nan": ({"high": np.nan}, ValueError, "high is nan"),
    "low above high": ({"low": 2, "high": 1}, ValueError, "low is 2 but must be below high, 1"),
    "one step": ({"steps": 1}, ValueError, "steps is 1 but must be at least 2"),
    "steps": ({"steps": 9.5}, TypeError, r"steps is 9\.5 but must be an integer"),
    "batch_size": ({"batch_size": 0}, ValueError, "batch_size is 0 but must be at least 1"),
    "a norm's one row": ({"batch_size": 1}, ValueError, "a training batch has 1 row"),
    "divergence": ({"divergence": 1}, ValueError, "divergence is 1 but must be above 1"),
}


@pytest.mark.parametrize("search", ["lr_range_test", "largest_stable_lr"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case, search):
    options, kind, message = WRONG[case]
    world = trainer()
    before = everything(world)
    with pytest.raises(kind, match=rf"^\[Trainer.{search}\] {message}"):
        getattr(world, search)(*data(), **options)
    assert_same(everything(world), before)


def test_wrong_arguments_of_one_of_them():
    world, (x, y) = trainer(), data()
    with pytest.raises(ValueError, match=r"smoothing is 1 but must be in \[0, 1\)"):
        world.lr_range_test(x, y, smoothing=1)
    for factor in (0, 1):
        with pytest.raises(ValueError, match=rf"factor is {factor} but must be"):
            world.largest_stable_lr(x, y, factor=factor)
    x[3, 2] = np.nan
    for search in (world.lr_range_test, world.largest_stable_lr):
        with pytest.raises(ValueError, match=r"x has NaN or infinite values in column 2"):
            search(x, y)
