"""Which rows an epoch takes: balanced classes, or what a function says."""

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn
from lamella.trainer.order import epoch_rng
from trainer.world import N, assert_same, data, everything, labelled, network, trainer

IMBALANCED = np.repeat([0, 1, 2], [50, 12, 5])


def rows_taken(sampling, epochs=1, loss=nn.CrossEntropyLoss, y=IMBALANCED, outputs=3, batch_size=8, **options):
    """The numbers of the rows, epoch by epoch."""
    seen = []

    class Watch:
        def forward(self, x):
            seen.append(x[:, 0].copy())
            return x

        def backward(self, dy):
            return dy

    model = nn.Sequential(Watch(), nn.Linear(1, outputs), seed=3, dtype="float64")
    world = lm.Trainer(model, loss(), lm.optim.SGD(model.parameters(), lr=0.0))
    taken = []
    for _ in range(epochs):
        world.fit(np.arange(len(y), dtype=float)[:, None], y, batch_size=batch_size, sampling=sampling, **options)
        taken.append(np.concatenate(seen).astype(int))
        seen.clear()
    return taken


def test_balanced_classes_come_equally_often():
    for rows in rows_taken("balanced", epochs=4):
        assert len(rows) == N
        assert sorted(np.bincount(IMBALANCED[rows])) == [22, 22, 23]
        for label in (1, 2):  # each row of a class as often as any other, but for one more
            times = np.bincount(rows, minlength=N)[label == IMBALANCED]
            assert times.max() - times.min() <= 1
        assert np.bincount(rows, minlength=N)[IMBALANCED == 0].max() == 1
        assert len(set(IMBALANCED[rows[:20]])) == 3  # in random order


def test_which_class_has_one_more_changes():
    longest = {int(np.argmax(np.bincount(IMBALANCED[rows]))) for rows in rows_taken("balanced", epochs=30)}
    assert longest == {0, 1, 2}


def test_fewer_rows_than_classes_and_one_class():
    assert sorted(np.bincount([[0, 1, 2][r] for r in rows_taken("balanced", y=np.array([0, 1, 2]))[0]])) == [1, 1, 1]
    assert sorted(rows_taken("balanced", y=np.zeros(7, int))[0]) == list(range(7))


def test_balanced_yes_or_no():
    y = np.repeat([0.0, 1.0], [60, 7])
    (rows,) = rows_taken("balanced", loss=nn.BCEWithLogitsLoss, y=y, outputs=1)
    assert sorted(np.bincount(y[rows].astype(int))) == [33, 34]


@pytest.mark.parametrize(
    ("loss", "y"),
    [(nn.MSELoss, np.linspace(0, 1, N)), (nn.MSELoss, np.zeros((N, 3))), (nn.BCEWithLogitsLoss, np.full(N, 0.5))],
    ids=["numbers", "several", "shares"],
)
def test_balanced_needs_classes(loss, y):
    with pytest.raises(ValueError, match=r'^\[Trainer.fit\] sampling is "balanced" but the targets are not classes'):
        rows_taken("balanced", loss=loss, y=y, outputs=y.shape[1] if y.ndim == 2 else 1)


def test_balanced_needs_a_label_that_counts():
    with pytest.raises(ValueError, match=r'^\[Trainer.fit\] sampling is "balanced" but all labels are to be ignored'):
        rows_taken("balanced", y=np.full(7, -100))


def test_a_function_says_the_rows():
    calls = []

    def sampling(epoch, rng):
        calls.append((epoch, rng.random()))
        return [3, 3, 0] if epoch == 0 else np.arange(150, dtype=np.uint8) % N

    first, second = rows_taken(sampling, epochs=2)
    np.testing.assert_array_equal(first, [3, 3, 0])
    np.testing.assert_array_equal(second, np.arange(150) % N)
    assert calls == [(epoch, epoch_rng(3, epoch, 1).random()) for epoch in range(2)]


def test_every_row_once_is_the_default():
    np.testing.assert_array_equal(rows_taken(None)[0], _core.permutation(N, 3, 0))
    np.testing.assert_array_equal(rows_taken(None, shuffle=False)[0], np.arange(N))


@pytest.mark.parametrize("python", [False, True], ids=["native", "with a layer in Python"])
@pytest.mark.parametrize("count", [2, 7, 8, 9, 67, 200])
@pytest.mark.parametrize("drop_last", [False, True])
def test_orders_of_any_length_are_batches_of_those_rows(count, drop_last, python):
    x, y = labelled()
    rows = np.random.default_rng(1).integers(N, size=count)
    drawn, given = (trainer(loss=nn.CrossEntropyLoss, outputs=3, python=python) for _ in range(2))
    drawn.fit(x, y, batch_size=8, drop_last=drop_last, sampling=lambda epoch, rng: rows)
    given.fit(x[rows], y[rows], batch_size=8, drop_last=drop_last, shuffle=False)
    assert_same(everything(drawn), everything(given))


@pytest.mark.parametrize("sampling", ["balanced", lambda epoch, rng: rng.integers(N, size=50 + epoch)])
def test_a_function_of_seed_and_epoch(sampling, restore_threads, share_all_work):
    results = []
    for threads, parts in ((1, [3]), (2, [1, 2]), (3, [2, 1])):
        lm.set_num_threads(threads)
        world = trainer("SGD", nn.CrossEntropyLoss, outputs=3)
        for epochs in parts:
            world.fit(*labelled(), epochs=epochs, sampling=sampling)
        results.append(everything(world))
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


def test_a_schedule_by_step_follows_the_length():
    world = trainer("SGD")
    schedule = lm.optim.CyclicLR(world.optimizer, 0.01, 0.02, step_size_up=5)
    longer = lambda epoch, rng: np.arange(8 * (epoch + 1))  # noqa: E731
    world.fit(*data(), epochs=3, batch_size=8, schedule=schedule, sampling=longer)
    assert schedule.last_epoch == 1 + 2 + 3
    short = lm.optim.OneCycleLR(world.optimizer, 0.1, total_steps=3)
    with pytest.raises(ValueError, match=r"\[OneCycleLR\] step 8 lies beyond total_steps, 3"):
        world.fit(*data(), batch_size=8, schedule=short, sampling=lambda epoch, rng: np.arange(64))


WRONG = {
    "another word": ("random", ValueError, r'\] sampling is \'random\' but must be None, "balanced" or a function'),
    "a list": ([1, 2], TypeError, r"\] sampling is \[1, 2\] but must be"),
    "too large": (lambda e, r: [0, N], ValueError, r" sampling, epoch 1\] rows reach from 0 to 67 but .* \[0, 67\)"),
    "negative": (lambda e, r: [0, -1], ValueError, r" sampling, epoch 1\] rows reach from -1 to 0"),
    "fractions": (
        lambda e, r: [0.0, 1.0],
        TypeError,
        r" sampling, epoch 1\] .* dtype float64 but must be",
    ),
    "a mask": (lambda e, r: np.ones(N, bool), TypeError, r" sampling, epoch 1\] .* dtype bool"),
    "a table": (lambda e, r: [[0, 1]], TypeError, r" sampling, epoch 1\] the rows have shape \(1, 2\)"),
    "nothing": (lambda e, r: np.array([], int), ValueError, r" sampling, epoch 1\] there are 0 rows .* at least 2"),
    "one for a norm": (lambda e, r: [3], ValueError, r" sampling, epoch 1\] there are 1 rows .* at least 2"),
    "None": (lambda e, r: None, TypeError, r" sampling, epoch 1\] the rows"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case):
    sampling, kind, message = WRONG[case]
    world = trainer(loss=nn.CrossEntropyLoss, outputs=3)
    world.fit(*labelled())
    before = everything(world)
    with pytest.raises(kind, match=r"^\[Trainer.fit" + message):
        world.fit(*labelled(), sampling=sampling)
    assert_same(everything(world), before)


def test_an_exception_of_the_function_comes_through():
    def fail(epoch, rng):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        trainer(model=network()).fit(*data(), sampling=fail)
