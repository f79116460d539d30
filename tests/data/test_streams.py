"""What an epoch of a source takes: which rows, in which order, in which batches; and what is noted of it."""

import threading

import numpy as np
import pytest

import lamella as lm
from data.test_bits import chunks_of
from lamella import data, nn, optim
from lamella.optim import schedule
from lamella.trainer import stream
from trainer.world import assert_same, everything, network


class Seen:
    """A layer that notes the first column of each batch, which is the row's number."""

    def __init__(self):
        self.batches = []

    def forward(self, x):
        self.batches.append(x[:, 0].astype(int).tolist())
        return x

    def backward(self, dy):
        return dy


def numbered(n):
    return np.stack([np.arange(n), np.ones(n)], axis=1), np.arange(n) % 2


def seen(n, epochs=1, seed=0, shuffle_rows=None, norm=False, source=None, **options):
    """Row numbers of each batch."""
    x, y = numbered(n)
    look = Seen()
    model = nn.Sequential(look, *([nn.BatchNorm1d(2)] if norm else []), nn.Linear(2, 2), seed=seed, dtype="float64")
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1e-9))
    source = data.batches(chunks_of(x, y), shuffle_rows=shuffle_rows) if source is None else source(x, y)
    trainer.fit(source, epochs=epochs, **options)
    return look.batches


def sizes(batches):
    return [len(batch) for batch in batches]


def flat(batches):
    return [row for batch in batches for row in batch]


@pytest.mark.parametrize("n", [1, 3, 7, 17, 33, 100])
@pytest.mark.parametrize("shuffle_rows", [1, 20, 1000])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_every_row_once_in_batches_of_the_size(n, shuffle_rows, batch_size):
    batches = seen(n, shuffle_rows=shuffle_rows, batch_size=batch_size)
    assert sorted(flat(batches)) == list(range(n))
    assert sizes(batches) == [batch_size] * (n // batch_size) + ([n % batch_size] if n % batch_size else [])


@pytest.mark.parametrize("n", [7, 16, 33, 40])
@pytest.mark.parametrize("at_once", [1, 16, 1000])
def test_last_batches(n, at_once, monkeypatch):
    monkeypatch.setattr(stream, "_AT_ONCE", at_once)
    kept = seen(n, batch_size=8, shuffle=False, drop_last=True)
    assert flat(kept) == list(range(max(n // 8 * 8, min(n, 8))))
    joined = seen(n, batch_size=8, shuffle=False, norm=True)
    assert flat(joined) == list(range(n))
    assert sizes(joined)[-1] == (9 if n == 33 else n % 8 or 8)


def test_shuffled_within_windows():
    rows = np.array(flat(seen(4000, shuffle_rows=400, batch_size=40)))
    windows = rows.reshape(10, 400)
    for number, window in enumerate(windows):  # a row stays in its window
        np.testing.assert_array_equal(np.sort(window), np.arange(400 * number, 400 * number + 400))
    assert abs(np.corrcoef(windows[0], np.arange(400))[0, 1]) < 0.2
    assert len({tuple(window % 400) for window in windows}) == 10  # each window in an order of its own


def test_other_orders_by_epoch_and_seed_the_same_again():
    first = seen(100, epochs=2, batch_size=10)
    assert first == seen(100, epochs=2, batch_size=10)
    assert first[:10] != first[10:]
    assert first != seen(100, epochs=2, batch_size=10, seed=1)
    assert seen(100, batch_size=10, shuffle=False) == np.arange(100).reshape(10, 10).tolist()


def test_two_calls_are_one():
    x, y = numbered(50)

    def fit(*calls):
        trainer = make(x.shape[1])
        for epochs in calls:
            trainer.fit(chunks_of(x, y), epochs=epochs, batch_size=8)
        return everything(trainer)

    assert_same(fit(4), fit(1, 3))


def make(width=2, **options):
    model = nn.Sequential(nn.Linear(width, 4), nn.Tanh(), nn.Dropout(0.2), nn.Linear(4, 2), seed=1, dtype="float64")
    optimizer = optim.Adam(model.parameters())
    return lm.Trainer(model, nn.CrossEntropyLoss(), optimizer, **options)


class Own(data.Source):
    """What a user writes."""

    columns = "number", "one"

    def __init__(self, x, y):
        self.x, self.y = x, y
        self.asked = []

    def chunks(self, rng=None):
        self.asked.append(None if rng is None else int(rng.integers(1000)))
        for begin in range(0, len(self.x), 30):
            yield data.Chunk(self.x[begin : begin + 30], self.y[begin : begin + 30], place=f"chunk {begin // 30}")


def test_a_source_of_ones_own():
    own = Own(*numbered(100))
    trainer = make()
    history = trainer.fit(own, epochs=3, validation_data=own)
    assert history.epochs == 3
    assert trainer.evaluate(own)["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-12)
    np.testing.assert_array_equal(trainer.predict(own), trainer.predict(own.x))
    drawn = [number for number in own.asked if number is not None]
    assert len(drawn) == len(set(drawn)) == 3  # an order for each epoch, none to measure and to predict
    assert repr(own) == "Own()"


def test_iterables_of_all_kinds():
    x, y = numbered(60)
    pairs = [(x[begin : begin + 7], y[begin : begin + 7]) for begin in range(0, 60, 7)]

    def fit(given, **options):
        trainer = make()
        trainer.fit(given, epochs=2, batch_size=8, **options)
        return everything(trainer)

    expected = fit(lambda: iter(pairs))
    assert_same(fit(pairs), expected)
    assert_same(fit([list(pair) for pair in pairs]), expected)
    assert_same(fit(data.batches(pairs)), expected)
    assert_same(fit([data.Chunk(*pair) for pair in pairs]), expected)
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    assert_same(fit(torch.utils.data.DataLoader(dataset, batch_size=9)), expected)


def test_frames_come_in_chunks():
    pandas, (x, y) = pytest.importorskip("pandas"), numbered(60)
    frame = pandas.DataFrame(x, columns=["number", "one"])
    trainer, twin = make(), make()
    trainer.fit([(frame[:40], pandas.Series(y[:40])), (frame[40:], y[40:])], batch_size=8)
    twin.fit([(x[:40], y[:40]), (x[40:], y[40:])], batch_size=8)
    assert_same(everything(trainer), everything(twin))


def test_an_iterator_without_end():
    def forever():
        x, y = numbered(1000)
        for begin in range(0, 1000, 7):
            yield x[begin : begin + 7], y[begin : begin + 7]

    batches = seen(0, epochs=4, batch_size=10, shuffle=False, source=lambda x, y: data.batches(forever(), rows=25))
    assert flat(batches) == list(range(100))  # none is lost between epochs
    assert sizes(batches) == [10, 10, 5] * 4
    anew = seen(0, epochs=2, batch_size=10, shuffle=False, source=lambda x, y: data.batches(forever, rows=25))
    assert flat(anew) == [*range(25), *range(25)]


def test_schedules_by_step_need_no_length():
    x, y = numbered(50)

    def fit(given, total):
        trainer = make()
        rule = schedule.OneCycleLR(trainer.optimizer, 0.1, total_steps=total)
        try:
            trainer.fit(*given, epochs=3, batch_size=10, shuffle=False, schedule=rule)
        finally:
            found.append(trainer.history)
        return everything(trainer)

    found = []
    assert_same(fit([chunks_of(x, y)], 15), fit([x, y], 15))
    with pytest.raises(ValueError, match=r"^\[Trainer.fit\] schedule does not last for 5 steps of the epoch: .*12"):
        fit([chunks_of(x, y)], 12)
    assert found[-1].epochs == 2


def test_a_length_that_is_known_is_used_before_the_first_step():
    trainer = make()
    weights = trainer.model.state_dict()
    rule = schedule.OneCycleLR(trainer.optimizer, 0.1, total_steps=12)
    with pytest.raises(ValueError, match="does not last for 3 epochs of 5 steps"):
        trainer.fit(data.npy(*numbered(50)), epochs=3, batch_size=10, schedule=rule)
    assert_same(trainer.model.state_dict(), weights)


def test_mixup_of_a_source():
    x, y = np.random.default_rng(0).standard_normal((90, 2)), np.arange(90) % 2

    def fit(alpha):
        trainer = make()
        trainer.fit(chunks_of(x, y), epochs=2, batch_size=8, mixup=alpha)
        return everything(trainer)

    assert_same(fit(0.4), fit(0.4))
    assert not np.array_equal(fit(0.4)["0.weight"], fit(None)["0.weight"])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_evaluation_in_parts(reduction, weighted, monkeypatch):
    monkeypatch.setattr(stream, "_AT_ONCE", 16)
    rng = np.random.default_rng(0)
    x, y, weight = rng.standard_normal((101, 5)), rng.standard_normal((101, 2)), rng.random(101)
    model = network()
    trainer = lm.Trainer(model, nn.MSELoss(reduction=reduction), optim.SGD(model.parameters()))
    given = (x, y, weight) if weighted else (x, y)
    assert trainer.evaluate(data.npy(*given)) == pytest.approx(trainer.evaluate(*given), rel=1e-12)
    assert trainer.evaluate(chunks_of(*given)) == pytest.approx(trainer.evaluate(*given), rel=1e-12)


def test_evaluation_where_nothing_counts():
    x, y = numbered(10)
    assert make().evaluate(data.npy(x, y, np.zeros(10)))["loss"] == 0


def test_no_thread_is_left():
    x, y = numbered(5000)
    make().fit(chunks_of(x, y), epochs=2, validation_data=chunks_of(x, y))
    assert not [thread for thread in threading.enumerate() if thread.name == "lamella-prefetch"]


@pytest.mark.parametrize("kind", ["iterable", "function", "source"])
def test_validation_data_are_all_that_rows_may_come_from(kind):
    """An iterable of batches, such as a DataLoader, too."""

    class Loader:
        def __iter__(self):
            yield from chunks_of(*numbered(20))()

    given = {"iterable": Loader(), "function": Loader().__iter__, "source": data.batches(Loader())}[kind]

    def fit(validation_data):
        model = nn.Sequential(nn.Linear(2, 2), seed=1)
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1e-3))
        return trainer.fit(*numbered(40), epochs=2, validation_data=validation_data)

    assert fit(given)["val_loss"] == pytest.approx(fit(numbered(20))["val_loss"], rel=1e-6)
