"""Divisions of rows, and the kinds of tables that are divided or trained on."""

import numpy as np
import pytest

import lamella as lm
from lamella import data, nn, optim

X = np.arange(400).reshape(200, 2)
Y = np.arange(200)


@pytest.mark.parametrize("n", [3, 7, 17, 33, 200])
@pytest.mark.parametrize("sizes", [(0.15, 0.1), (0.5, 0), (0, 0.3), (1, 1), (0.2, 1), (0, 0)])
def test_every_row_once(n, sizes):
    test, validation = sizes
    parts = data.split(X[:n], Y[:n], test=test, validation=validation)
    assert [len(part) for part in parts] == [2, 2, 2]
    assert sorted(np.concatenate([y for _, y in parts])) == list(range(n))
    for x, y in parts:
        np.testing.assert_array_equal(x[:, 0], 2 * y)
        assert (np.diff(y) > 0).all()
    for (_, y), size in zip(parts[::-1], sizes, strict=False):
        assert len(y) == (size if isinstance(size, int) else max(1, round(n * size)))


def test_the_seed_says_which():
    first, again, other = data.split(Y)[2], data.split(Y)[2], data.split(Y, seed=1)[2]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_stratified():
    """As scikit-learn's, each class has its share in each part, to a row."""
    labels = np.array(["a"] * 150 + ["b"] * 40 + ["c"] * 10)
    for seed in range(5):
        parts = data.split(Y, labels, test=0.2, validation=0.1, stratify=labels, seed=seed)
        for (_, found), share in zip(parts, (0.7, 0.1, 0.2), strict=True):
            for label, count in (("a", 150), ("b", 40), ("c", 10)):
                assert abs((found == label).sum() - share * count) <= 1
    selection = pytest.importorskip("sklearn.model_selection")
    _, expected = selection.train_test_split(labels, test_size=0.2, stratify=labels, random_state=0)
    _, _, (_, found) = data.split(Y, labels, test=0.2, validation=0, stratify=labels)
    assert np.unique(found, return_counts=True)[1].tolist() == np.unique(expected, return_counts=True)[1].tolist()


def test_a_class_of_one_is_trained_on():
    labels = [0] * 50 + [1]
    for seed in range(20):
        training, _, _ = data.split(labels, stratify=labels, seed=seed)
        assert 1 in training[0]


def test_all_kinds_of_tables():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    sparse, torch = pytest.importorskip("scipy.sparse"), pytest.importorskip("torch")
    given = [
        X,
        X.tolist(),
        pandas.DataFrame(X, index=np.arange(200)[::-1]),
        pandas.Series(Y),
        polars.DataFrame(X),
        polars.Series(Y),
        sparse.csr_array(X),
        sparse.coo_matrix(X),
        torch.from_numpy(X),
    ]
    expected = data.split(X, Y)
    for part, (x, y) in zip(data.split(*given), expected, strict=True):
        arrays = [item.toarray() if sparse.issparse(item) else np.asarray(item) for item in part]
        for array in arrays:
            np.testing.assert_array_equal(array, y if array.ndim == 1 else x)
        for item, whole in zip(part, given, strict=True):
            assert isinstance(item, np.ndarray if isinstance(whole, list) else type(whole)) or sparse.issparse(item)


BAD = {
    "nothing": (lambda: data.split(), TypeError, "there is nothing to divide"),
    "lengths": (lambda: data.split(X, Y[:9]), ValueError, "the arrays have 200, 9 rows"),
    "share": (lambda: data.split(X, test=1.0), ValueError, r"test is 1.0 but must be in \[0, 1\)"),
    "below": (lambda: data.split(X, validation=-1), ValueError, "validation is -1 but must be at least 0"),
    "flag": (lambda: data.split(X, test=True), TypeError, "test is True but must be a number"),
    "all": (lambda: data.split(X, test=150, validation=50), ValueError, "of 200 rows: none is left to train"),
    "classes": (lambda: data.split(X, stratify=Y[:9]), ValueError, r"stratify has shape \(9,\) but \(200,\)"),
    "a table": (lambda: data.split(X, stratify=X), ValueError, r"stratify has shape \(200, 2\) but \(200,\)"),
    "a number": (lambda: data.split(np.array(3)), ValueError, r"shape \(\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments(case):
    make, kind, message = BAD[case]
    with pytest.raises(kind, match=rf"^\[lm.data.split\] .*{message}"):
        make()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_trained_on(library):
    frames = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 2)), rng.integers(0, 2, 50)

    def trainer():
        model = nn.Sequential(nn.Linear(2, 2), seed=0)
        return lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))

    frame = frames.DataFrame({"age": x[:, 0], "height": x[:, 1]})
    found, expected = trainer().fit(frame, frames.Series(y)), trainer().fit(x, y)
    assert found["loss"] == expected["loss"]
    np.testing.assert_array_equal(trainer().predict(frame), trainer().predict(x))
    x[7, 1] = np.nan
    gap = frames.DataFrame({"age": x[:, 0], "height": x[:, 1]})
    with pytest.raises(ValueError, match=r"x has NaN .* column height \(first at row 7\)"):
        trainer().fit(gap, y)
    text = frames.DataFrame({"age": x[:, 0], "town": ["Bern"] * 50})
    with pytest.raises(TypeError, match=r"x has columns that are not numbers: town$"):
        trainer().fit(text, y)
