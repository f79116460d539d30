"""Networks that can learn some rows by heart, and those that cannot, with the reason."""

import numpy as np
import pytest

import lamella as lm
from diagnosis.world import classes, network, plain, trainer
from lamella import nn
from trainer.world import assert_same, everything


def kinds(check):
    return [finding.kind for finding in check.findings]


LOSSES = {
    "cross-entropy": (nn.CrossEntropyLoss(), 4, lambda x, y: y, []),
    "smoothed": (nn.CrossEntropyLoss(label_smoothing=0.2), 4, lambda x, y: y, []),
    "probabilities": (nn.CrossEntropyLoss(), 4, lambda x, y: 0.7 * np.eye(4)[y] + 0.1, []),
    "negative log-likelihood": (nn.NLLLoss(), 4, lambda x, y: y, [nn.LogSoftmax()]),
    "focal": (nn.FocalLoss(), 4, lambda x, y: y, []),
    "margin": (nn.MultiMarginLoss(), 4, lambda x, y: y, []),
    "binary": (nn.BCEWithLogitsLoss(), 4, lambda x, y: np.eye(4)[y], []),
    "squared": (nn.MSELoss(), 1, lambda x, y: 30 * x[:, :1], []),
    "absolute": (nn.L1Loss(reduction="sum"), 1, lambda x, y: x[:, :1], []),
    "quantiles": (nn.QuantileLoss((0.1, 0.5, 0.9)), 3, lambda x, y: x[:, :1], []),
    "Gaussian": (nn.GaussianNLLLoss(), 2, lambda x, y: x[:, :1], []),
    "Poisson": (nn.PoissonNLLLoss(), 1, lambda x, y: np.floor(np.abs(3 * x[:, :1])), []),
    "unreduced": (nn.CrossEntropyLoss(reduction="none"), 4, lambda x, y: y, []),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_network_learns_some_rows_by_heart(name):
    loss, outputs, targets, end = LOSSES[name]
    x, y = classes()
    check = lm.overfit_check(network(*end, outputs=outputs), x, targets(x, y), loss)
    assert check.passed, check
    assert check.rows == 32
    assert check.attempts[-1].share >= 0.99
    assert check.constant > check.floor
    assert check.findings == ()
    assert check.switched_off == ("2 (Dropout)",)
    assert "32 rows learned by heart" in repr(check)


def test_the_way_is_from_the_best_constant_to_the_lowest_loss():
    x, y = classes()
    check = lm.overfit_check(network(), x[:32], y[:32], nn.CrossEntropyLoss(label_smoothing=0.2))
    shares = np.bincount(y[:32], minlength=4) / 32
    smoothed = 0.8 * shares + 0.05
    assert check.constant == pytest.approx(-(smoothed * np.log(smoothed)).sum(), rel=1e-6)
    assert check.floor == pytest.approx(-(0.85 * np.log(0.85) + 3 * 0.05 * np.log(0.05)), rel=1e-6)
    last = check.attempts[-1]
    share = (check.constant - last.losses[-1]) / (check.constant - check.floor)
    assert last.share == pytest.approx(share)


def test_weights_of_rows_count():
    """Rows of weight 0 need not be learned, so that wrong labels there are no obstacle."""
    x, y = classes(32)
    x[16:] = x[:16]
    y[16:] = (y[:16] + 1) % 4
    assert "conflicting rows" in kinds(lm.overfit_check(network(), x, y, nn.CrossEntropyLoss()))
    weight = np.repeat([1.0, 0.0], 16)
    assert kinds(lm.overfit_check(network(), x, y, nn.CrossEntropyLoss(), weight)) == []


def test_softmax_before_logits():
    check = lm.overfit_check(network(nn.Softmax()), *classes(), nn.CrossEntropyLoss(), steps=300)
    assert not check.passed
    assert kinds(check)[0] == "probabilities for logits"
    assert "the model ends with a Softmax, but CrossEntropyLoss takes logits" in repr(check)


def test_an_activation_before_logits():
    check = lm.overfit_check(network(nn.ReLU()), *classes(), nn.CrossEntropyLoss())
    assert kinds(check)[0] == "activation before logits"


def test_targets_that_outputs_cannot_reach():
    x, _ = classes()
    check = lm.overfit_check(network(nn.Sigmoid(), outputs=1), x, 100 * x[:, :1], nn.MSELoss(), steps=100)
    assert not check.passed
    assert kinds(check)[0] == "out of reach"
    assert "Sigmoid at the end gives [0, 1]" in check.findings[0].text


def test_too_small_a_network():
    check = lm.overfit_check(plain(nn.Linear(20, 1), nn.Tanh(), nn.Linear(1, 4)), *classes(), nn.CrossEntropyLoss())
    assert not check.passed
    assert kinds(check)[-1] == "stuck"
    assert "29 parameters for 32 targets" in check.findings[-1].text
    assert "larger network" in check.findings[-1].advice[0]
    assert len(check.attempts) == 3


def test_rows_that_contradict_each_other():
    x, y = classes()
    x[:] = x[0]
    check = lm.overfit_check(network(), x, y, nn.CrossEntropyLoss(), steps=50)
    assert kinds(check)[:2] == ["conflicting rows", "constant features"]


def test_dead_units():
    model = network()
    model.parameters()
    model[0].bias.data[...] = -100
    check = lm.overfit_check(model, *classes(), nn.CrossEntropyLoss(), steps=50)
    assert not check.passed
    assert {"dead units", "constant outputs"} <= set(kinds(check))


def test_zeros_for_first_weights():
    check = lm.overfit_check(network(init="zeros"), *classes(), nn.CrossEntropyLoss(), steps=50)
    assert {"dead units", "no gradient"} <= set(kinds(check))


def test_a_wrong_backward():
    class Wrong:
        def forward(self, x):
            self.x = x.copy()
            return x**2

        def backward(self, dy):
            return -2 * self.x * dy

    model = plain(nn.Linear(20, 3, init="orthogonal"), Wrong(), nn.Linear(3, 4, init=nn.init.Constant(0.0)))
    check = lm.overfit_check(model, *classes(), nn.CrossEntropyLoss(), steps=100)
    assert not check.passed
    assert any("check_gradients" in advice for finding in check.findings for advice in finding.advice)


def test_data_out_of_scale_and_divergence():
    x, y = classes()
    check = lm.overfit_check(network(), 1e4 * x, y, nn.CrossEntropyLoss(), steps=20)
    assert "data out of scale" in kinds(check)
    diverged = lm.overfit_check(network(), x, y, nn.CrossEntropyLoss(), lr=1e30, steps=50)
    assert all(attempt.diverged for attempt in diverged.attempts)
    assert "diverged" in kinds(diverged)
    assert "diverged" in repr(diverged)


def test_too_few_steps():
    check = lm.overfit_check(network(), *classes(), nn.CrossEntropyLoss(), steps=15, lr=1e-3)
    assert kinds(check) == ["slow"]


def test_rates_are_tried_in_turn():
    x, y = classes()
    check = lm.overfit_check(network(), x, y, nn.CrossEntropyLoss(), lr=(1e-7, 1e-2, 1.0), steps=200)
    assert [attempt.rate for attempt in check.attempts] == [1e-7, 1e-2]
    assert [attempt.share > 0.9 for attempt in check.attempts] == [False, True]


def test_everything_is_as_before():
    x, y = classes()
    worlds = []
    for looked in (False, True):
        world = trainer(network(dtype="float32"))
        world.fit(x, y, epochs=2)
        world.loss(world.model(x), y)
        if looked:
            lm.overfit_check(world.model, x, y, world.loss, steps=20)
        world.model.backward(world.loss.backward())
        worlds.append(everything(world))
    assert_same(*worlds)


def test_the_seed_says_which_rows():
    x, y = classes()
    found = [
        lm.overfit_check(network(), x, y, nn.CrossEntropyLoss(), seed=seed, steps=5, lr=1e-3).attempts[0].losses
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_the_mode_does_not_matter():
    x, y = classes()
    assert lm.overfit_check(network().eval(), x, y, nn.CrossEntropyLoss()).passed


def test_bad_input():
    x, y = classes()
    for options, kind, message in [
        ({"rows": 0}, ValueError, "rows is 0"),
        ({"steps": 0}, ValueError, "steps is 0"),
        ({"lr": 0.0}, ValueError, "lr is 0.0 but must be above 0"),
        ({"lr": ()}, ValueError, "lr is empty"),
        ({"lr": "fast"}, TypeError, "lr is 'fast'"),
    ]:
        with pytest.raises(kind, match=rf"\[overfit_check\] {message}"):
            lm.overfit_check(network(), x, y, nn.CrossEntropyLoss(), **options)
    with pytest.raises(TypeError, match=r"\[overfit_check\] loss is None but must be a Loss"):
        lm.overfit_check(network(), x, y, None)
    with pytest.raises(ValueError, match=r"\[overfit_check\] x has 19 features"):
        lm.overfit_check(network(), x[:, 1:], y, nn.CrossEntropyLoss())


def test_one_row_has_no_other_to_be_like():
    model = nn.Sequential(nn.Linear(3, 2), seed=0)
    check = lm.overfit_check(model, np.ones((1, 3)), np.array([1]), nn.CrossEntropyLoss(), steps=5)
    assert "constant features" not in [finding.kind for finding in check.findings]
