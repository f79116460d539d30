"""Rows that are read while they are trained on give the bits that arrays give."""

import numpy as np
import pytest

import lamella as lm
from callbacks.test_bits import ALL, Steps
from lamella import data, nn, optim
from lamella.trainer import stream
from trainer.test_stretches import HELD_OUT, WEIGHTS, World, X, Y
from trainer.world import Identity, assert_same, everything, network

scipy_sparse = pytest.importorskip("scipy.sparse")

#: Mixed rows come from the same part of the epoch, not from anywhere: other pairs.
SAME = [name for name in ALL if "mixup" not in name]
IN_ORDER = [name for name in SAME if "balanced" not in name and "rows by" not in name]


def result(name, x, y=Y, **options):
    world = World(ALL[name])
    world.options.update(options)
    world.trainer.fit(x, y, epochs=6, **world.options)
    return world.all()


def chunks_of(x, y, weight=None, seed=0, most=30):
    """A function that gives the rows in chunks of random sizes, other ones each time."""
    rng = np.random.default_rng(seed)

    def chunks():
        begin = 0
        while begin < len(x):
            rows = slice(begin, begin + int(rng.integers(1, most)))
            yield (x[rows], y[rows]) if weight is None else (x[rows], y[rows], weight[rows])
            begin = rows.stop

    return chunks


@pytest.fixture(params=[1, 17, 4096], ids=["a batch at a time", "two batches", "all at once"])
def parts(request, monkeypatch):
    monkeypatch.setattr(stream, "_AT_ONCE", request.param)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("name", SAME)
def test_a_sparse_matrix(name):
    assert_same(result(name, scipy_sparse.csr_array(X)), result(name, X))


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("name", IN_ORDER)
def test_chunks_in_order(name):
    weight = ALL[name].get("fit", {}).get("sample_weight")
    expected = result(name, X, shuffle=False)
    found = result(name, chunks_of(X, Y, weight), None, shuffle=False, sample_weight=None)
    assert_same(found, expected)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("watched", [False, True])
def test_layers_in_python_and_hooks_of_steps(accumulate, watched):
    def fit(x, y=None, **options):
        layers = nn.Linear(5, 7), nn.BatchNorm1d(7), Identity(), nn.Dropout(0.3), nn.Linear(7, 3)
        model = nn.Sequential(*layers, seed=2)
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()), accumulate=accumulate)
        callbacks = Steps() if watched else None
        trainer.fit(x, y, epochs=4, batch_size=22, validation_data=HELD_OUT, callbacks=callbacks, **options)
        return everything(trainer)

    assert_same(fit(scipy_sparse.coo_array(X), Y, patience=2), fit(X, Y, patience=2))
    assert_same(fit(chunks_of(X, Y), shuffle=False), fit(X, Y, shuffle=False))


@pytest.mark.parametrize("name", ["plain", "weighted", "mixup", "balanced", "by step", "patience"])
def test_arrays_as_a_source_are_arrays(name):
    options = World(ALL[name]).options
    held_out = options.get("validation_data")
    source = data.arrays(X, Y, options.get("sample_weight"))
    given = {"sample_weight": None, "validation_data": None if held_out is None else data.arrays(*held_out)}
    assert_same(result(name, source, None, **given), result(name, X))


def test_a_mapped_file_of_another_dtype(tmp_path, monkeypatch):
    """It is converted some rows at a time, which gives what converting it whole gives."""
    monkeypatch.setattr(stream, "_AT_ONCE", 20)
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert stream.needs_reading(mapped, np.dtype(np.float64))
    assert not stream.needs_reading(mapped, np.dtype(np.float32))
    for name in ("validated", "balanced", "weighted"):
        assert_same(result(name, mapped), result(name, X.astype(np.float32)))


@pytest.mark.parametrize("rows", [1, 40, 1000])
def test_the_sizes_of_chunks_make_no_difference(rows):
    """Also where rows are shuffled: windows are of rows, however they come."""

    def fit(seed, most):
        source = data.batches(chunks_of(X, Y, seed=seed, most=most), shuffle_rows=rows)
        world = World(ALL["validated"])
        world.trainer.fit(source, epochs=3, **world.options)
        return world.all()

    assert_same(fit(0, 30), fit(1, 2))
    assert_same(fit(0, 30), fit(2, 100))


def test_threads_make_no_difference(restore_threads):
    def fit(threads):
        lm.set_num_threads(threads)
        model = network(3, width=70)
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
        trainer.fit(chunks_of(X, Y, WEIGHTS), epochs=3, batch_size=16, augment=lambda x, rng: x + rng.random(x.shape))
        return everything(trainer)

    assert_same(fit(1), fit(3))


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_everywhere(kind, dtype):
    given, model = getattr(scipy_sparse, kind)(np.where(X > 0, X, 0)), network(3, dtype=dtype)
    dense = np.asarray(given.toarray())
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))
    twin_model = network(3, dtype=dtype)
    twin = lm.Trainer(twin_model, nn.CrossEntropyLoss(), optim.SGD(twin_model.parameters()))
    assert trainer.step(given, Y, WEIGHTS) == twin.step(dense, Y, WEIGHTS)
    np.testing.assert_array_equal(model(given), twin_model(dense))
    np.testing.assert_array_equal(model.predict(given), twin_model.predict(dense))
    np.testing.assert_array_equal(trainer.predict(given, batch_size=7), twin.predict(dense, batch_size=7))
    found, expected = trainer.evaluate(given, Y, WEIGHTS), twin.evaluate(dense, Y, WEIGHTS)
    assert found == pytest.approx(expected, rel=1e-6 if dtype == "float32" else 1e-13)
