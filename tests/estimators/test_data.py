"""Lists, frames and sparse matrices; float32 and float64."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

from estimators.problems import PROBLEMS, assert_same_weights, classes, classifier, labels, numbers, regressor, weights

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NAMES = ["a", "b", "c", "d"]

FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
}
COLUMNS = {"pandas": pd.Series, "polars": lambda y: pl.Series(y.tolist())}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("problem", ["multiclass", "single"])
def test_frames(problem, kind):
    make, data = PROBLEMS[problem]
    X, y = data()
    frame = FRAMES[kind](X)
    plain, framed = make().fit(X, y), make().fit(frame, COLUMNS[kind](y), validation_data=(frame, COLUMNS[kind](y)))
    assert_same_weights(plain, framed)
    np.testing.assert_array_equal(plain.predict(X), framed.predict(frame))
    assert list(framed.feature_names_in_) == NAMES
    assert framed.n_features_in_ == 4
    assert not hasattr(plain, "feature_names_in_")
    with pytest.raises(ValueError, match="feature names should match"):
        framed.predict(frame[NAMES[::-1]])


def test_lists_and_columns():
    X, y = numbers()
    first = regressor().fit(X.tolist(), y.tolist())
    assert first.predict(X).shape == (90,)
    with pytest.warns(match="column-vector y"):
        second = regressor().fit(X, y[:, None])
    assert_same_weights(first, second)


SPARSE = {
    "csr": sp.csr_matrix,
    "csc": sp.csc_matrix,
    "coo": sp.coo_matrix,
    "csr array": sp.csr_array,
    "csc array": sp.csc_array,
}


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"solver": "lbfgs"}])
def test_sparse_rows_are_as_good_as_dense_ones(kind, settings):
    X, y = classes()
    X[X < 0.5] = 0
    sparse = SPARSE[kind](X)
    dense, own = classifier(**settings).fit(X, y), classifier(**settings).fit(sparse, y)
    for a, b in zip(weights(dense), weights(own), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(own.predict(sparse), own.predict(X))
    np.testing.assert_array_equal(own.predict_proba(sparse), own.predict_proba(X))
    held = regressor().fit(sparse, X[:, 0], validation_data=(sparse, X[:, 0]))
    assert len(held.validation_scores_) == 5


@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_sparse_rows_are_never_dense_as_a_whole(kind, monkeypatch):
    X = sp.random(1000, 20_000, 1e-3, format=kind, random_state=0, dtype=np.float32)  # 80 MB if it were dense
    y = np.arange(1000) % 3
    sizes = []
    toarray = sp.csr_matrix.toarray

    def noted(self, *args, **kwargs):
        found = toarray(self, *args, **kwargs)
        sizes.append(found.nbytes)
        return found

    monkeypatch.setattr(sp.csr_matrix, "toarray", noted)
    monkeypatch.setattr(sp.csc_matrix, "toarray", noted)
    fitted = classifier(max_iter=2, batch_size=50, early_stopping=True).fit(X, y)
    assert fitted.predict(X).shape == (1000,)
    assert 0 < max(sizes) < 40e6


def test_sparse_partial_fit():
    X, y = classes()
    X[X < 0.5] = 0
    dense, own = classifier(), classifier()
    for _ in range(3):
        dense.partial_fit(X, y, classes=np.unique(y))
        own.partial_fit(sp.csr_matrix(X), y, classes=np.unique(y))
    for a, b in zip(weights(dense), weights(own), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_sparse_tables_of_labels():
    X, y = labels()
    assert_same_weights(classifier().fit(X, y), classifier().fit(X, sp.csr_matrix(y)))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_dtypes(problem):
    make, data = PROBLEMS[problem]
    X, y = data()
    for given, settings, want in [
        (X, {}, np.float64),
        (X.astype(np.float32), {}, np.float32),
        (X.round().astype(int), {}, np.float64),
        (X, {"dtype": "float32"}, np.float32),
        (X.astype(np.float32), {"dtype": "float64"}, np.float64),
    ]:
        fitted = make(**settings).fit(given, y)
        assert {w.dtype for w in weights(fitted)} == {np.dtype(want)}
        if make is regressor:
            assert fitted.predict(given).dtype == want
        else:
            assert fitted.predict_proba(given).dtype == want


def test_rows_that_lie_anyhow():
    X, y = classes()
    first = classifier().fit(X, y)
    assert_same_weights(first, classifier().fit(np.asfortranarray(X), y))
    assert_same_weights(first, classifier().fit(np.repeat(X, 2, axis=1)[:, ::2], y))


@pytest.mark.parametrize("n", [2, 17, 33])
def test_a_last_batch_of_one_under_batch_norm(n):
    """It joins the batch before; a batch of two rows is the least."""
    X, y = numbers(n=n)
    size = n - 1 if n > 2 else 2
    fitted = regressor(batch_norm=True, batch_size=size, max_iter=3).fit(X, y)
    assert np.isfinite(fitted.predict(X)).all()
    with pytest.raises(ValueError, match="needs at least 2"):
        regressor(batch_norm=True, batch_size=1).fit(X[:1], y[:1])
