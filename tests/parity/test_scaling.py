"""Scaling against scikit-learn's scalers and PCA, and PyTorch's normalize."""

import copy

import numpy as np
import pytest

preprocessing = pytest.importorskip("sklearn.preprocessing")

from sklearn.base import clone  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402

from lamella import nn  # noqa: E402


def table(n=150, width=7):
    """Columns of different places and sizes; one of one value, one that is mostly 0."""
    rng = np.random.default_rng(2)
    x = rng.normal(rng.normal(0, 10, width), rng.uniform(0.1, 50, width), (n, width))
    x[:, 2] = 4.5
    x[:, 3] *= rng.random(n) < 0.2
    return x


def double(layer):
    """By itself, in float64."""
    layer = copy.deepcopy(layer)
    layer.dtype = "float64"
    return layer


SCALERS = {
    "Standardize": (lambda x: nn.Standardize.of(x), preprocessing.StandardScaler()),
    "MinMaxScale": (lambda x: nn.MinMaxScale.of(x), preprocessing.MinMaxScaler((-1, 1))),
    "MinMaxScale to another range": (
        lambda x: nn.MinMaxScale.of(x, low=2, high=5.5),
        preprocessing.MinMaxScaler((2, 5.5)),
    ),
    "RobustScale": (lambda x: nn.RobustScale.of(x), preprocessing.RobustScaler()),
}


@pytest.mark.parametrize("name", SCALERS)
def test_scalers(name):
    make, theirs = SCALERS[name]
    x = table()
    ours = double(make(x))
    theirs.fit(x)
    other = table(40) * 1.5
    other[:, 2] = 4.5  # what else may come in a column of one value is scaled by 1 there, and ours 0
    for rows in (x, other):
        np.testing.assert_allclose(ours(rows), theirs.transform(rows), rtol=1e-12, atol=1e-12)
    y = theirs.transform(other)
    np.testing.assert_allclose(double(ours.inverse())(y), theirs.inverse_transform(y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["Standardize", "MinMaxScale"])
def test_in_parts(name):
    theirs = clone(SCALERS[name][1])
    ours, x = getattr(nn, name)(7), table()
    for part in np.array_split(x, 7):
        ours.partial_fit(part)
        theirs = theirs.partial_fit(part)
    np.testing.assert_allclose(double(ours)(x), theirs.transform(x), rtol=1e-11, atol=1e-11)
    assert ours.samples_seen == theirs.n_samples_seen_


def test_what_a_standard_scaler_has_found():
    x = table()
    theirs = preprocessing.StandardScaler().fit(x)
    ours = nn.Standardize(7)
    ours.dtype = "float64"
    ours.load_state_dict({"center": theirs.mean_, "scale": theirs.scale_, "samples_seen": theirs.n_samples_seen_})
    np.testing.assert_allclose(ours(table(40)), theirs.transform(table(40)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_normalizer(norm):
    x = table() * 1e-3
    x[7] = 0
    np.testing.assert_allclose(double(nn.Normalize(norm))(x), preprocessing.Normalizer(norm).transform(x), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("norm", "p"), [("l1", 1), ("l2", 2), ("max", np.inf)])
@pytest.mark.parametrize("eps", [1e-12, 3.0])
def test_normalize(norm, p, eps, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((33, 17)).astype(dtype) for _ in range(2))
    x[3] = 0
    x[5, :4] = [9, -9, 9, 2]  # several largest
    layer = nn.Normalize(norm, eps)
    layer.dtype = dtype
    theirs = torch.from_numpy(x).requires_grad_()
    y = torch.nn.functional.normalize(theirs, p, dim=1, eps=eps)
    y.backward(torch.from_numpy(dy))
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(layer(x), y.detach().numpy(), rtol=tolerance, atol=tolerance)
    want = theirs.grad.numpy()
    size = abs(want).max(axis=1, keepdims=True)
    np.testing.assert_allclose(layer.backward(dy) / size, want / size, atol=tolerance)


@pytest.mark.parametrize("components", [None, 3, 0.9])
@pytest.mark.parametrize("whiten", [False, True])
def test_pca(components, whiten):
    x = table()[:, [0, 1, 3, 4, 5, 6]]
    theirs = PCA(components, whiten=whiten).fit(x)
    ours = nn.Projection.pca(x, components, whiten)
    want = theirs.transform(x)
    signs = np.sign(theirs.components_[np.arange(len(theirs.components_)), abs(theirs.components_).argmax(axis=1)])
    np.testing.assert_allclose(double(ours)(x), want * signs, atol=1e-9 * abs(want).max())
    np.testing.assert_allclose(double(ours.inverse())(want * signs), theirs.inverse_transform(want), atol=1e-8)
    given = nn.Projection.of(PCA(components).fit(x).components_, theirs.mean_)
    np.testing.assert_allclose(double(given)(x), PCA(components).fit_transform(x), atol=1e-9 * abs(x).max())
