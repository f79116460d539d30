"""Mixup: a pure function of seed and epoch, mixed while rows are gathered."""

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from lamella.trainer.mixup import Mixup, mixed
from lamella.trainer.samples import Samples
from lamella.trainer.stretch import Taken
from trainer.world import N, assert_same, data, everything, labelled, trainer


def shown(alpha, epochs=1, batch_size=8, n=N, dtype="float64", sampling=None):
    """The batches that a training sees, as one array: features and targets."""
    rows = []

    class Watch:
        def forward(self, x):
            rows.append(x.copy())
            return x

        def backward(self, dy):
            return dy

    class Loss(nn.MSELoss):
        def measure(self, outputs, y, sample_weight=None):
            targets.append(np.array(y))
            return super().measure(outputs, y, sample_weight)

    targets = []
    model = nn.Sequential(Watch(), nn.Linear(5, 2), seed=3, dtype=dtype)
    world = lm.Trainer(model, Loss(), optim.SGD(model.parameters()))
    x, y = data(n)
    world.fit(x, y, epochs=epochs, batch_size=batch_size, mixup=alpha, sampling=sampling)
    return np.concatenate(rows), np.concatenate(targets)


@pytest.mark.parametrize("n", [1, 2, 7, 33, N])
def test_rows_are_mixed_with_rows_and_targets_likewise(n):
    x, y = data(n)
    mixed_x, mixed_y = shown(0.4, n=n)
    order = _core.permutation(n, 3, 0)
    for row, got_x, got_y in zip(order, mixed_x, mixed_y, strict=True):
        differences = x - x[row]
        fits = []
        for partner in range(n):
            length = differences[partner] @ differences[partner]
            share = 0.0 if length == 0 else (got_x - x[row]) @ differences[partner] / length
            if np.allclose(x[row] + share * differences[partner], got_x, atol=1e-12) and -1e-9 <= share <= 1 + 1e-9:
                fits.append(np.allclose(y[row] + share * (y[partner] - y[row]), got_y, atol=1e-9))
        assert any(fits)


def test_shares_are_of_the_beta_distribution():
    shares = np.concatenate([Mixup(0.3, 5, "t").mixing(None, 5000, epoch)[1] for epoch in range(4)])
    assert abs(shares.mean() - 0.5) < 0.02
    assert abs(shares.var() - 1 / (4 * (2 * 0.3 + 1))) < 0.005  # of Beta(a, a)
    partners = Mixup(0.3, 5, "t").mixing(None, 5000, 0)[0]
    np.testing.assert_array_equal(np.sort(partners), np.arange(5000))
    order = np.arange(10) * 3
    np.testing.assert_array_equal(np.sort(Mixup(1.0, 5, "t").mixing(order, 99, 0)[0]), order)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 3, 5, 17])
def test_natively_as_by_hand(dtype, width):
    """The native gathering and NumPy's say the same."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, width)).astype(dtype)
    model = nn.Sequential(nn.Linear(width, width, bias=False), seed=0, dtype=dtype)
    model.load_state_dict({"0.weight": np.eye(width)})
    world = lm.Trainer(model, nn.MSELoss(reduction="sum"), optim.SGD(model.parameters(), lr=0.0))
    order = np.arange(40)[::-1].copy()
    mixing = (rng.permutation(40), rng.beta(0.5, 0.5, 40))
    targets, weight = np.zeros_like(x), rng.random(40).astype(dtype)
    step = world.prepare(width, targets)
    stretch = step.stretch(Samples(x, targets, weight), targets, Taken(order, None, mixing), 1, 40, False)
    stretch.run()
    loss = stretch.records["loss"][0]
    weights = mixed(weight[order], weight[mixing[0]], mixing[1]).astype(np.float64)
    expected = weights @ (mixed(x[order], x[mixing[0]], mixing[1]).astype(np.float64) ** 2).sum(axis=1)
    assert loss == pytest.approx(expected, rel=1e-6 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("sampling", [None, lambda epoch, rng: rng.integers(N, size=29)])
def test_a_layer_in_python_makes_no_difference(sampling):
    results = []
    for python in (False, True):
        world = trainer("SGD", python=python)
        world.fit(*data(), epochs=3, batch_size=8, mixup=0.4, sampling=sampling)
        results.append(world.history["loss"])
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_a_function_of_seed_and_epoch(restore_threads, share_all_work):
    results = []
    for threads, parts in ((1, [3]), (2, [1, 2]), (3, [2, 1])):
        lm.set_num_threads(threads)
        world = trainer("Adam")
        for epochs in parts:
            world.fit(*data(), epochs=epochs, mixup=0.2)
        results.append(everything(world))
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])
    first, second = shown(0.4, epochs=2)[0].reshape(2, N, 5)
    assert not np.isclose(np.sort(first, axis=0), np.sort(second, axis=0)).all()


def test_none_and_zero_mix_nothing():
    """Beta(0, 0) is a coin: the paper's plain training."""
    plain, zero = shown(None), shown(0)
    np.testing.assert_array_equal(plain[0], data()[0][_core.permutation(N, 3, 0)])
    for first, second in zip(plain, zero, strict=True):
        np.testing.assert_array_equal(first, second)


def test_targets_that_are_shares_stay_shares():
    x, y = data()
    world = trainer("SGD", nn.BCEWithLogitsLoss)
    history = world.fit(x, (y > 0).astype(float), epochs=3, mixup=1.0)
    assert np.isfinite(history["loss"]).all()


WRONG = {
    "negative": (-0.1, ValueError, r"mixup is -0.1 but must be at least 0"),
    "nan": (np.nan, ValueError, r"mixup is nan"),
    "text": ("0.2", TypeError, r"mixup is '0.2' but must be a number"),
    "a flag": (True, TypeError, r"mixup is True but must be a number"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_alphas(case):
    alpha, kind, message = WRONG[case]
    world = trainer()
    before = everything(world)
    with pytest.raises(kind, match=r"^\[Trainer.fit\] " + message):
        world.fit(*data(), mixup=alpha)
    assert_same(everything(world), before)


def test_labels_become_probabilities():
    x, y = labelled()
    y[3] = -100
    by_labels, by_shares = (trainer("SGD", nn.CrossEntropyLoss, outputs=3) for _ in range(2))
    shares = np.eye(3)[np.where(y < 0, 0, y)]
    shares[3] = 0  # an ignored row loses nothing
    first, second = by_labels.fit(x, y, epochs=3, mixup=0.4), by_shares.fit(x, shares, epochs=3, mixup=0.4)
    assert first["loss"] == second["loss"]
    assert_same(everything(by_labels), everything(by_shares))


def test_labels_are_balanced_before_they_are_mixed():
    x, y = labelled()
    history = trainer("SGD", nn.CrossEntropyLoss, outputs=3).fit(x, y, mixup=0.4, sampling="balanced")
    assert np.isfinite(history["loss"]).all()


def test_losses_of_nothing_but_labels_are_not_mixed():
    world = trainer(loss=nn.NLLLoss, outputs=3)
    with pytest.raises(ValueError, match=r"^\[Trainer.fit\] mixup is 0.2 but NLLLoss takes class labels alone"):
        world.fit(*labelled(), mixup=0.2)
    world.fit(*labelled(), mixup=0.0)


def test_the_native_epoch_refuses_what_would_read_elsewhere():
    """Python makes these; the binding is the last line."""
    world = trainer("SGD")
    x, y = data()
    step = world.prepare(5, y)
    good = np.arange(N), np.full(N, 0.5)
    for mixing, message in (
        ((np.arange(N) + 1, good[1]), r"partner\[66\] is 67, outside \[0, 67\)"),
        ((good[0][:-1], good[1]), "66 partners and 67 shares for 67 rows"),
        ((good[0].astype(np.int32), good[1]), "partner has another dtype"),
        ((good[0], good[1].astype(np.float32)), "share has another dtype"),
    ):
        with pytest.raises((ValueError, RuntimeError), match=message):
            step.stretch(Samples(x, y), y, Taken(None, None, mixing), 1, 8, False)
    for table, message in (
        ((np.array([0]), np.zeros((8, 1))), r"not \(9 rows, 1 scalars\)"),
        ((np.array([10**6]), np.zeros((9, 1))), r"places\[0\] is 1000000"),
        ((np.array([0, 1]), np.zeros((9, 1))), r"not \(9 rows, 2 scalars\)"),
    ):
        with pytest.raises((ValueError, RuntimeError), match=message):
            step.stretch(Samples(x, y), y, Taken(None), 1, 8, False).timetable(*table, by_step=True)


def test_indices_are_not_mixed():
    x, y = data()
    x[:, 3] = np.arange(len(x)) % 4
    model = nn.Sequential(nn.Embedding(4, 2, columns=[3], in_features=5), nn.Linear(6, 2), dtype="float64")
    world = trainer(model=model)
    before = everything(world)
    with pytest.raises(ValueError, match=r"\[Trainer.fit\] mixup is 0.4 but column 3 of x is an Embedding's index"):
        world.fit(x, y, mixup=0.4)
    assert_same(everything(world), before)
    world.fit(x, y, mixup=0)
