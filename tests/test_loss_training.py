"""Losses in a Trainer: weights of rows, kinds of targets, every loss by hand, by step and by fit."""

import copy
import pickle

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from loss_cases import CASES
from reference import assert_same_bits

WIDTH, FEATURES = 4, 5


class Identity:
    """A layer in Python: steps are by hand then."""

    def forward(self, x):
        return x

    def backward(self, dy):
        return dy


def make_trainer(loss, outputs=WIDTH, dtype="float32", python=False):
    layers = [nn.Linear(FEATURES, 8), nn.Tanh(), *([Identity()] if python else []), nn.Linear(8, outputs)]
    model = nn.Sequential(*layers, seed=0, dtype=dtype)
    model.parameters()[-1].data[...] = 3.0 if isinstance(loss, nn.PoissonNLLLoss) else 0.0  # rates are positive
    return lm.Trainer(model, loss, optim.SGD(model.parameters(), lr=0.01))


def case_data(name, n=37, dtype="float32"):
    case, rng = CASES[name], np.random.default_rng(7)
    x = rng.standard_normal((n, FEATURES)).astype(dtype)
    weight = np.where(rng.random(n) < 0.2, 0, rng.uniform(0.2, 3, n)).astype(dtype)
    return case, x, case.draw_targets(rng, n, WIDTH, np.dtype(dtype)), weight


def outputs_of(case):
    return case.outputs_width(WIDTH)


def assert_same_weights(*trainers):
    first = trainers[0].model.state_dict().values()
    for other in trainers[1:]:
        for value, expected in zip(other.model.state_dict().values(), first, strict=True):
            assert_same_bits(value, expected)


def steps_by_hand(trainer, x, y, weight, batch):
    losses = []
    model, loss = trainer.model, trainer.loss
    for begin in range(0, len(x), batch):
        rows = slice(begin, begin + batch)
        losses.append(loss(model(x[rows]), y[rows], None if weight is None else weight[rows]))
        model.zero_grad()
        model.backward(loss.backward())
        trainer.optimizer.step()
    return losses


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_by_hand_by_step_and_by_fit_are_the_same_bits(name, weighted, dtype):
    case, x, y, weight = case_data(name, dtype=dtype.name)
    weight = weight if weighted else None
    trainers = [make_trainer(case.make(WIDTH), outputs_of(case), dtype.name, python=i == 3) for i in range(4)]
    hand = steps_by_hand(trainers[0], x, y, weight, 16)
    steps = []
    for begin in range(0, len(x), 16):
        rows = slice(begin, begin + 16)
        steps.append(trainers[1].step(x[rows], y[rows], None if weight is None else weight[rows]))
    assert hand == steps
    histories = [
        trainer.fit(x, y, batch_size=16, shuffle=False, sample_weight=weight, validation_data=(x, y, weight))
        for trainer in trainers[2:]
    ]
    assert_same_weights(*trainers)
    for key in histories[0].keys() - {"seconds"}:
        assert histories[0][key] == pytest.approx(histories[1][key], rel=1e-12)
    # The epoch's loss is the mean over batches, by what their rows count together.
    counts = case.reference(np.zeros((len(x), outputs_of(case))), y, trainers[0].loss)[1]
    counts = counts.reshape(len(x), -1).mean(axis=1) * (1 if weight is None else weight)
    totals = [counts[begin : begin + 16].sum() for begin in range(0, len(x), 16)]
    assert histories[0]["loss"][0] == pytest.approx(np.average(hand, weights=totals), rel=1e-6)
    # And the validation's is that of all rows at once.
    trainer, judge = trainers[2], case.make(WIDTH)
    value = judge(trainer.predict(x), y, weight)
    assert histories[0]["val_loss"][0] == value
    assert histories[0][f"val_{judge.score_name}"][0] == judge.score
    assert trainer.evaluate(x, y, sample_weight=weight) == {"loss": value, judge.score_name: judge.score}


@pytest.mark.parametrize("name", CASES)
def test_the_native_step_takes_what_needs_no_conversion(name):
    case, x, y, weight = case_data(name)
    quick, slow = (make_trainer(case.make(WIDTH), outputs_of(case)) for _ in range(2))
    quick.step(x, y)
    slow.step(x, y)
    assert quick._step.quick(x, y) == slow.step(x.tolist(), y.tolist())
    assert quick._step.quick(x, y, weight) == slow.step(x.tolist(), y.tolist(), weight.tolist())
    if y.ndim == 1:
        assert quick._step.quick(x, y.astype(np.int32)) == slow.step(x.tolist(), y.tolist())
    assert_same_weights(quick, slow)


def test_the_native_step_leaves_bad_weights_and_targets_alone():
    case, x, y, weight = case_data("hinge")
    learner = make_trainer(case.make(WIDTH))
    learner.step(x, y)
    quick = learner._step.quick
    bad = [np.where(np.arange(len(x)) == 30, value, weight).astype(np.float32) for value in (-1, np.nan, np.inf)]
    for wrong in (weight[:-1], weight[:, None], weight.astype(np.float64), weight.tolist(), *bad):
        assert quick(x, y, wrong) is None
    assert quick(x, (y > 0).astype(np.float32)) is None
    assert quick(x, y, weight) is not None


def test_weights_of_rows_gather_with_their_rows(rng):
    """In a shuffled epoch each row keeps its weight: rows of no weight are as if they were not there."""
    x, y = rng.standard_normal((60, FEATURES)), rng.integers(0, WIDTH, 60)
    weight = (rng.random(60) < 0.5).astype(float)
    spoilt = np.where(weight[:, None] > 0, x, 1e30)
    trainers = [make_trainer(nn.CrossEntropyLoss()) for _ in range(2)]
    histories = [
        trainer.fit(data, y, epochs=3, batch_size=7, sample_weight=weight)
        for trainer, data in zip(trainers, (x, spoilt), strict=True)
    ]
    assert_same_weights(*trainers)
    assert histories[0]["loss"] == histories[1]["loss"]


def test_a_batch_where_nothing_counts_changes_nothing():
    case, x, y, _ = case_data("ce")
    learner = make_trainer(case.make(WIDTH))
    before = learner.model.state_dict()
    assert learner.step(x, y, np.zeros(len(x))) == 0
    assert learner.step(x, np.full(len(x), -100)) == 0
    history = learner.fit(x, y, batch_size=8, sample_weight=np.zeros(len(x)))
    assert (history["loss"], history["accuracy"]) == ([0], [0])
    for name, value in learner.model.state_dict().items():
        assert_same_bits(value, before[name])


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
def test_labels_and_probabilities_may_take_turns(rng, python):
    x, labels = rng.standard_normal((12, FEATURES)), rng.integers(0, WIDTH, 12)
    learner, twin = (make_trainer(nn.CrossEntropyLoss(), python=python) for _ in range(2))
    shares = np.eye(WIDTH)[labels]
    for step in range(4):
        value = learner.step(x, labels if step % 2 else shares)
        assert value == pytest.approx(twin.step(x, labels), rel=1e-5)
    history = learner.fit(x, shares, epochs=2, batch_size=5, validation_data=(x, labels))
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert history["accuracy"][-1] <= 1


# Settings.


def test_settings_may_change_between_steps(rng):
    x, y = rng.standard_normal((9, FEATURES)), rng.integers(0, WIDTH, 9)
    weight = rng.uniform(0.2, 3, WIDTH)
    learner = make_trainer(nn.CrossEntropyLoss())
    loss = learner.loss

    def check(**settings):
        outputs = learner.predict(x)
        want = nn.CrossEntropyLoss(**settings)(outputs, y)
        assert loss(outputs, y) == want
        assert learner.step(x, y) == pytest.approx(want, rel=1e-6)

    check()
    loss.label_smoothing = 0.2
    check(label_smoothing=0.2)
    loss.weight = weight
    check(label_smoothing=0.2, weight=weight)
    loss.weight = weight[::-1]
    check(label_smoothing=0.2, weight=weight[::-1])
    loss.reduction = "sum"
    check(label_smoothing=0.2, weight=weight[::-1], reduction="sum")
    loss.weight = None
    loss.label_smoothing = 0
    check(reduction="sum")
    loss.weight = weight
    loss.ignore_index = 1
    check(reduction="sum", weight=weight, ignore_index=1)


def test_quantiles_may_change_between_steps(rng):
    x, y = rng.standard_normal((9, FEATURES)), rng.standard_normal((9, 2))
    learner = make_trainer(nn.QuantileLoss((0.1, 0.9)))
    for quantiles, targets in (((0.1, 0.9), y), ((0.3, 0.4), y), ((0.1, 0.2, 0.3, 0.4), y[:, 0]), ((0.5, 0.6), y)):
        learner.loss.quantiles = quantiles
        want = nn.QuantileLoss(quantiles)(learner.predict(x), targets)
        assert learner.step(x, targets) == pytest.approx(want, rel=1e-6)


def test_settings_may_change_between_epochs(rng):
    x, y = rng.standard_normal((30, FEATURES)), rng.integers(0, WIDTH, 30)
    learner = make_trainer(nn.CrossEntropyLoss())
    weight = rng.uniform(0.5, 2, WIDTH)
    twin = make_trainer(nn.CrossEntropyLoss())
    learner.fit(x, y, epochs=2, shuffle=False, on_epoch=lambda *_: setattr(learner.loss, "weight", weight))
    twin.fit(x, y, shuffle=False)
    twin.loss.weight = weight
    twin.fit(x, y, shuffle=False)
    assert_same_weights(learner, twin)


def test_one_loss_may_serve_several_trainers_and_widths(rng):
    loss = nn.MSELoss()
    x = rng.standard_normal((9, FEATURES))
    trainers = [make_trainer(loss, outputs) for outputs in (1, 3)]
    for half in (True, False):
        loss.half = half
        for trainer, outputs in zip(trainers, (1, 3), strict=True):
            y = rng.standard_normal((9, outputs))
            want = nn.MSELoss(half=half)(trainer.predict(x), y)
            assert trainer.step(x, y) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_copies_and_pickles(name, rng):
    case = CASES[name]
    z, y = case.draw(rng, 6, WIDTH, np.dtype(np.float64))
    loss = case.make(WIDTH)
    want = loss(z, y)
    for twin in (copy.deepcopy(loss), copy.copy(loss), pickle.loads(pickle.dumps(loss))):
        assert repr(twin) == repr(loss)
        assert twin(z, y) == want
        twin.reduction = "sum"
        assert loss(z, y) == want
        assert_same_bits(loss.backward(), loss.backward())


def test_a_loss_shows_its_settings():
    assert repr(nn.MSELoss()) == "MSELoss(half=False, reduction='mean')"
    loss = nn.CrossEntropyLoss([1, 2], label_smoothing=0.1, reduction="sum")
    assert repr(loss) == "CrossEntropyLoss(weight=[1.0, 2.0], ignore_index=-100, label_smoothing=0.1, reduction='sum')"


# A softmax before a loss of logits.

SAYS = r"\[{}\] the outputs look like probabilities .* leave the softmax out"


@pytest.mark.parametrize("kind", [nn.CrossEntropyLoss, nn.FocalLoss])
def test_probabilities_for_logits_are_warned_of_once(rng, kind):
    loss, z, y = kind(), rng.dirichlet(np.ones(4), 6), rng.integers(0, 4, 6)
    with pytest.warns(UserWarning, match=SAYS.format(kind.__name__)):
        loss(z, y)
    loss(z, y)  # warnings are errors here
    loss(z[:, :3] / z[:, :3].sum(axis=1, keepdims=True), np.minimum(y, 2))
    kind()(z * 1.01, y)
    kind()(np.ones((6, 1)), np.zeros(6, int))


def test_losses_of_probabilities_do_not_warn(rng):
    z = rng.dirichlet(np.ones(4), 6)
    nn.NLLLoss()(z, rng.integers(0, 4, 6))
    nn.MSELoss()(z, z)
    nn.PoissonNLLLoss(log_input=False)(z, z)


def test_a_model_that_ends_in_a_softmax_is_warned_of():
    class Softmax(nn.Tanh):
        gives_probabilities = True

    def trainer(loss):
        model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), Softmax()))
        return lm.Trainer(model, loss, optim.SGD(model.parameters()))

    loss = nn.CrossEntropyLoss()
    with pytest.warns(UserWarning, match=SAYS.format("CrossEntropyLoss")):
        trainer(loss)
    trainer(loss)
    trainer(nn.NLLLoss())
