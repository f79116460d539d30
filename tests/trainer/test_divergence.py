"""CutOnDivergence: back to the last good weights, at lower rates."""

import copy

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from trainer.world import assert_same, data, everything, network, trainer


def without_history(world):
    return {key: value for key, value in everything(world).items() if not key.startswith("history")}


def plain(lr, python=False):
    """Without a norm, a large rate diverges."""
    model = network(python=python)
    kept = [layer for layer in model.layers if type(layer).__name__ not in ("BatchNorm1d", "Tanh")]
    model = nn.Sequential(*kept, seed=3, dtype="float64")
    return lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=lr, momentum=0.9))


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
def test_the_first_epoch_is_taken_anew_at_a_lower_rate(python):
    """As if it had been that rate from the beginning."""
    x, y = data()
    world = plain(1e4, python)
    history = world.fit(x, y, epochs=3, batch_size=4, on_divergence=lm.CutOnDivergence(factor=100, times=4))
    rate = world.optimizer.lr
    assert history["lr"] == [rate] * 3
    assert rate < 1
    twin = plain(rate, python)
    twin.fit(x, y, epochs=3, batch_size=4)
    assert_same(without_history(world), without_history(twin))
    assert np.isfinite(history["loss"]).all()


def test_a_later_epoch_goes_on_from_the_last_good_one():
    """Good for two epochs; then the rate is set too high."""
    x, y = data()
    world, twin = plain(0.01), plain(0.01)

    def spoil(epoch, record):
        if epoch == 1:
            world.optimizer.lr = 1e8

    world.fit(x, y, epochs=4, on_epoch=spoil, on_divergence=lm.CutOnDivergence(factor=1e10))
    twin.fit(x, y, epochs=2)
    twin.optimizer.lr = 1e8 / 1e10
    twin.fit(x, y, epochs=2)
    assert_same(without_history(world), without_history(twin))
    assert world.history["lr"] == twin.history["lr"]


def test_a_schedule_goes_on_in_proportion():
    x, y = data()
    world = plain(1e4)
    schedule = optim.OneCycleLR(world.optimizer, 1e4, total_steps=9, cycle_momentum=False)
    history = world.fit(
        x, y, epochs=3, batch_size=30, schedule=schedule, on_divergence=lm.CutOnDivergence(1e6, times=3)
    )
    untouched = optim.OneCycleLR(plain(1.0).optimizer, 1e4, total_steps=9, cycle_momentum=False)
    plain_rates = [untouched.rates(t)[0] for t in (2, 5, 8)]
    np.testing.assert_allclose(history["lr"], np.array(plain_rates) * schedule.scales[0], rtol=1e-12)
    assert schedule.scales[0] == pytest.approx(1e-6)


@pytest.mark.parametrize("times", [1, 2])
def test_so_many_times_and_no_more(times):
    x, y = data()
    world = plain(1e30)
    with pytest.raises(lm.DivergenceError, match=rf"epoch 0, batch \d+ after {times} cuts of the rates: "):
        world.fit(x, y, on_divergence=lm.CutOnDivergence(factor=2, times=times))
    assert world.optimizer.lr == pytest.approx(1e30 / 2**times)
    assert world.history.epochs == 0


def test_weights_that_diverge_at_once_were_not_good(monkeypatch):
    """The last update of an epoch spoils the weights: only the next epoch's first batch shows it."""
    x, y = data()
    world, twin = plain(0.01), plain(0.01)

    def spoil(epoch, record):
        if epoch == 1:
            world.model.layers[0].weight.data[...] = np.inf

    history = world.fit(x, y, epochs=4, on_epoch=spoil, on_divergence=lm.CutOnDivergence())
    assert history["lr"] == [0.01, 0.01, 0.001, 0.001]
    twin.fit(x, y, epochs=1)
    after_first = without_history(twin)
    order = [_core.permutation(len(x), 3, epoch) for epoch in (2, 3)]
    twin.optimizer.lr = 0.01 / 10
    for rows in order:
        twin.fit(x[rows], y[rows], shuffle=False)
    assert_same(without_history(world), without_history(twin))
    assert not np.array_equal(after_first["0.weight"], twin.model.state_dict()["0.weight"])


def test_growth_counts_as_divergence():
    """A finite explosion: one epoch at a rate that is too large for it."""
    x, y = data()
    rates = {}
    for growth in (10.0, 1e300):
        world = plain(0.3)
        world.fit(x, y, batch_size=8, on_divergence=lm.CutOnDivergence(growth=growth))
        rates[growth] = world.optimizer.lr
    assert rates[1e300] == 0.3
    assert rates[10.0] < 0.3


def test_where_nothing_diverges_it_changes_nothing():
    results = []
    for cut in (None, lm.CutOnDivergence()):
        world = trainer("SGD")
        world.fit(*data(), epochs=3, on_divergence=cut)
        results.append(everything(world))
    assert_same(*results)


def test_all_groups_are_cut():
    model = plain(0.1).model
    groups = [{"params": model.parameters()[:2]}, {"params": model.parameters()[2:], "lr": 1e20}]
    world = lm.Trainer(model, nn.MSELoss(), optim.SGD(groups, lr=1e10))
    world.fit(*data(), on_divergence=lm.CutOnDivergence(factor=1e12, times=2))
    rates = [group["lr"] for group in world.optimizer.param_groups]
    assert rates[1] / rates[0] == pytest.approx(1e10)
    assert rates[0] < 1


def test_the_object():
    cut = lm.CutOnDivergence()
    assert (cut.factor, cut.times, cut.growth) == (10.0, 3, 10.0)
    assert repr(cut) == "CutOnDivergence(factor=10.0, times=3, growth=10.0)"
    assert copy.copy(cut) == cut


WRONG = {
    "factor 1": (lambda: lm.CutOnDivergence(factor=1), ValueError, r"factor is 1 but must be above 1"),
    "factor negative": (lambda: lm.CutOnDivergence(factor=-2), ValueError, r"factor is -2 but must be above 0"),
    "factor inf": (lambda: lm.CutOnDivergence(factor=np.inf), ValueError, r"factor is inf"),
    "factor text": (lambda: lm.CutOnDivergence(factor="10"), TypeError, r"factor is '10' but must be a number"),
    "growth 1": (lambda: lm.CutOnDivergence(growth=1.0), ValueError, r"growth is 1.0 but must be above 1"),
    "times 0": (lambda: lm.CutOnDivergence(times=0), ValueError, r"times is 0 but must be at least 1"),
    "times 1.5": (lambda: lm.CutOnDivergence(times=1.5), TypeError, r"times is 1\.5 but must be an integer"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    make, kind, message = WRONG[case]
    with pytest.raises(kind, match=r"^\[CutOnDivergence\] " + message):
        make()


@pytest.mark.parametrize("given", [True, 10, "cut", lm.CutOnDivergence])
def test_fit_takes_nothing_else(given):
    with pytest.raises(TypeError, match=r"^\[Trainer.fit\] on_divergence is .* must be a CutOnDivergence"):
        trainer().fit(*data(), on_divergence=given)
