"""Sources and arguments that do not fit are refused with a message that says where and why."""

import re

import numpy as np
import pytest

import lamella as lm
from lamella import data, nn, optim
from lamella.optim import schedule

X, Y = np.random.default_rng(0).standard_normal((100, 3)), np.arange(100) % 2
N = 100


def trainer(loss=nn.CrossEntropyLoss, layers=()):
    model = nn.Sequential(*layers, nn.Linear(3, 2), seed=0)
    return lm.Trainer(model, loss(), optim.SGD(model.parameters(), lr=0.01))


def refused(message, source, *arguments, kind=ValueError, own=None, **options):
    own = trainer() if own is None else own
    with pytest.raises(kind, match=message) as caught:
        own.fit(source, *arguments, **options)
    assert str(caught.value.args[0]).startswith("[")


def bad(place, value, array=X):
    array = np.array(array, float)
    array[place] = value
    return array


CASES = {
    "width": (lambda: (X[:, :2], Y), ValueError, r"batch 1\] x has 2 features but the model expects 3"),
    "labels": (lambda: (X, Y + 1), ValueError, r"\[Trainer.fit, batch 1\] y.* 2 "),
    "lengths": (lambda: (X, Y[:50]), ValueError, r"batch 1\] y has shape \(50,\)"),
    "NaN": (lambda: (bad((70, 1), np.nan), Y), ValueError, r"batch 1\] x has NaN .* column 1 \(first at row 70\)"),
    "infinite": (lambda: (bad((3, 2), np.inf), Y), ValueError, r"batch 1\] x .* column 2 \(first at row 3\)"),
    "too large": (lambda: (bad((3, 2), 1e300), Y), ValueError, r"batch 1\] x .* column 2 \(first at row 3\)"),
    "text": (lambda: (np.full((N, 3), "a"), Y), TypeError, r"batch 1\] x has dtype <U1 but numbers"),
    "other targets": (lambda: (X, np.eye(2)[Y]), ValueError, r"batch 1\] y has targets of another kind"),
    "weights": (lambda: (X, Y, np.ones(N)), ValueError, r"sample_weight must come with all rows or with none"),
    "no targets": (lambda: (X,), ValueError, r"batch 1\] x .* gives no targets"),
    "four parts": (lambda: (X, Y, Y, Y), TypeError, r"batch 1 is a tuple of 4 but must be \(x, y\) or"),
    "a dict": (lambda: {"x": X}, TypeError, r"batch 1 is a dict but must be"),
    "a number": (lambda: 3.0, TypeError, r"batch 1 is a float but must be"),
}


@pytest.mark.parametrize("case", CASES)
def test_chunks(case):
    make, kind, message = CASES[case]
    refused(message, lambda: iter([(X, Y), make()]), kind=kind)


def test_columns_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(bad((4, 1), np.nan), columns=["a", "b", "c"])
    refused(r"batch 0\] x has NaN .* column b \(first at row 4\)", [(frame, Y)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_targets_must_be_finite(dtype):
    source = [(X, np.ones((N, 2), dtype)), (X, bad((60, 1), np.nan, np.ones((N, 2))).astype(dtype))]
    refused(r"batch 1\] y has NaN or infinite values \(first at row 60\)", source, own=trainer(nn.MSELoss))


def test_indices():
    def chunks():
        yield np.zeros((N, 1)), Y
        yield bad((9, 0), 5, np.zeros((N, 1))), Y

    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))
    own = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))
    refused(r"batch 1\] x\[9, 0\] is 5 but column 0 is an index", chunks, own=own)
    with pytest.raises(ValueError, match=r"x\[9, 0\] is 5"):
        own.evaluate(chunks)


def test_arguments_that_sources_do_not_have():
    refused(r"y is missing", X, kind=TypeError)
    refused(r"y is given beside a source \(Batches\)", data.batches([(X, Y)]), Y, kind=TypeError)
    refused(r"sample_weight is given beside a source", [(X, Y)], sample_weight=Y, kind=TypeError)
    refused(r"sampling is 'balanced' but a source's rows come as they are read", [(X, Y)], sampling="balanced")
    refused(r"it is an iterator, which gives its rows once", X, Y, epochs=2, validation_data=iter([(X, Y)]))
    refused(r"x is an iterator, which gives its rows once.*rows=", iter([(X, Y)]), epochs=2)
    refused(r"x is an iterator", iter([(X, Y)]), on_divergence=lm.CutOnDivergence())
    assert trainer().fit(iter([(X, Y)])).epochs == 1


def test_sources_without_rows():
    refused(r"x \(Batches\(\)\) has no rows", [])
    refused(r"a training batch has 1 row but layer '0'", [(X[:1], Y[:1])], own=trainer(layers=[nn.BatchNorm1d(3)]))
    with pytest.raises(ValueError, match="has no rows"):
        trainer().evaluate([])
    with pytest.raises(ValueError, match="has no rows"):
        trainer().predict(data.batches([]))


def test_a_source_that_dries_up():
    """An iterator with ``rows`` that ends after the first epoch."""
    source = data.batches(iter([(X, Y)]), rows=100)
    own = trainer()
    refused(r"x \(Batches\(100 rows\)\) gave no rows in epoch 1", source, epochs=3, own=own)
    assert own.history.epochs == 1


def test_where_arrays_are_expected():
    model = trainer().model
    source = data.batches([(X, Y)])
    for use in (lambda: trainer().step(source, Y), lambda: model(source), lambda: trainer().lr_range_test(source, Y)):
        with pytest.raises(TypeError, match=r"x is a source \(Batches\) where an array is expected"):
            use()


def test_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    given = sparse.csr_array(bad((5, 1), np.nan))
    refused(r"x has NaN or infinite values in column 1 \(first at row 5\)", given, Y)
    refused(r"x has shape \(100, 2\) but \(n, 3\) is expected", given[:, :2], Y)
    refused(r"y has shape \(50,\)", sparse.csr_array(X), Y[:50])
    refused(r"y is missing", sparse.csr_array(X), kind=TypeError)
    refused(r"y is a sparse matrix", X, sparse.csr_array(X), kind=TypeError)
    with pytest.raises(ValueError, match=r"has no rows"):
        trainer().predict(sparse.csr_array((0, 3)))


def test_arguments_of_sources(tmp_path):
    with pytest.raises(TypeError, match=r"\[lm.data.batches\] of is 3 but must be an iterable"):
        data.batches(3)
    with pytest.raises(ValueError, match=r"rows is 0 but must be at least 1"):
        data.batches([], rows=0)
    with pytest.raises(ValueError, match=r"\[lm.data.batches\] shuffle_rows is 0"):
        data.batches([], shuffle_rows=0)
    with pytest.raises(ValueError, match=r"\[lm.data.arrays\] x has shape \(100,\)"):
        data.arrays(Y, Y)
    with pytest.raises(ValueError, match=r"\[lm.data.npy\] x has 100 rows but y has 99"):
        data.npy(X, Y[:99])
    with pytest.raises(ValueError, match=r"\[lm.data.npy\] x has shape \(100,\)"):
        data.npy(Y)
    with pytest.raises(ValueError, match=r"parts of different shapes"):
        data.npy([X, X[:, :2]])
    with pytest.raises(FileNotFoundError):
        data.npy(tmp_path / "none.npy")
    (tmp_path / "text.npy").write_text("hello")
    with pytest.raises(ValueError, match=rf"x: {re.escape(str(tmp_path))}.*text.npy is no .npy file"):
        data.npy(tmp_path / "text.npy")
    np.savez(tmp_path / "two.npz", a=X)
    with pytest.raises(ValueError, match=r"is an .npz archive"):
        data.npy(tmp_path / "two.npz")
    np.save(tmp_path / "words.npy", np.array([["a"]]))
    with pytest.raises(TypeError, match=r"words.npy has dtype <U1 but numbers"):
        data.npy(tmp_path / "words.npy")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        data.nothing  # noqa: B018


AUGMENT = {
    "no function": (3, TypeError, r"augment is 3 but must be a function"),
    "one argument": (lambda x: x, TypeError, r"takes 1 arguments but must be a function f\(x, rng\) or f\(x, y, rng\)"),
    "four": (lambda a, b, c, d: a, TypeError, r"takes 4 arguments"),
    "fewer rows": (lambda x, rng: x[1:], ValueError, r"it made \(31, 3\) of a batch of \(32, 3\)"),
    "nothing": (lambda x, rng: None, (TypeError, ValueError), r"augment\] (what it returned|it made)"),
    "NaN": (lambda x, rng: x * np.nan, ValueError, r"what it returned has NaN or infinite values in column 0"),
    "x alone": (lambda x, y, rng: x, TypeError, r"it returned a ndarray but must return x and y"),
    "fewer targets": (lambda x, y, rng: (x, y[1:]), ValueError, r"augment\] y has shape"),
}


@pytest.mark.parametrize("case", AUGMENT)
def test_augment(case):
    function, kind, message = AUGMENT[case]
    refused(message, X, Y, augment=function, kind=kind)


def test_a_schedule_that_watches_needs_what_it_watches():
    own = trainer()
    rule = schedule.ReduceLROnPlateau(own.optimizer)
    refused(r"monitor is 'val_loss' but an epoch's record has", [(X, Y)], own=own, schedule=rule)
