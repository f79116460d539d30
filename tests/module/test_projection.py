"""Projections that are not trained: by principal components, whitening, or given arrays."""

import copy

import numpy as np
import pytest

import lamella as lm
from gradcheck import check_gradient
from lamella import nn, optim
from lamella.nn import moments
from module.networks import assert_same_state


def table(n=203, width=6, rank=6):
    rng = np.random.default_rng(3)
    return rng.standard_normal((n, rank)) @ rng.standard_normal((rank, width)) * 2 + np.arange(width) * 10


def double(layer):
    """By itself, in float64."""
    layer = copy.deepcopy(layer)
    layer.dtype = "float64"
    return layer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 7, 33])
def test_of_arrays(dtype, n):
    rng = np.random.default_rng(0)
    weight, center, bias, x = (rng.standard_normal(shape) for shape in ((3, 17), 17, 3, (n, 17)))
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    for arguments, want in [
        ((weight,), x @ weight.T),
        ((weight, center), (x - center) @ weight.T),
        ((weight, None, bias), x @ weight.T + bias),
        ((weight, center, bias), (x - center) @ weight.T + bias),
    ]:
        layer = nn.Projection.of(*arguments)
        layer.dtype = dtype
        np.testing.assert_allclose(layer(x), want, atol=tolerance)
        dy = rng.standard_normal((n, 3))
        np.testing.assert_allclose(layer.backward(dy), dy @ weight, atol=tolerance)


def test_gradient():
    rng = np.random.default_rng(0)
    x, dy, layer = rng.standard_normal((4, 6)), rng.standard_normal((4, 6)), double(nn.Projection.zca(table()))
    layer(x)
    dx = layer.backward(dy)
    check_gradient(lambda: float((layer(x) * dy).sum()), x, dx)


def test_components_are_uncorrelated_and_ordered():
    x = table()
    y = double(nn.Projection.pca(x))(x)
    covariance = np.cov(y.T)
    variances = np.diag(covariance)
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-11 * variances[0])
    assert (np.diff(variances) < 0).all()
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-11)
    np.testing.assert_allclose(np.linalg.norm(y), np.linalg.norm(x - x.mean(axis=0)))  # a rotation
    np.testing.assert_allclose(y[:, :2], double(nn.Projection.pca(x, 2))(x), atol=1e-12)


def test_whitening():
    x = table()
    for layer in (nn.Projection.pca(x, whiten=True), nn.Projection.zca(x)):
        np.testing.assert_allclose(np.cov(double(layer)(x).T), np.eye(6), atol=1e-10)
    weight = nn.Projection.zca(x).weight.data
    np.testing.assert_allclose(weight, weight.T, atol=1e-12)
    assert (np.linalg.eigvalsh(weight) > 0).all()  # no rotation beside the scaling


def test_epsilon():
    x = table()
    y = double(nn.Projection.zca(x, epsilon=0.5))(x)
    variances = np.linalg.eigvalsh(np.cov(x.T))
    np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(y.T)), variances / (variances + 0.5), rtol=1e-10)


def test_where_nothing_varies_the_output_is_0():
    x = table(rank=3)
    for layer in (nn.Projection.pca(x, whiten=True), nn.Projection.zca(x)):
        variances = np.linalg.eigvalsh(np.cov(double(layer)(x).T))
        np.testing.assert_allclose(variances, [0, 0, 0, 1, 1, 1], atol=1e-8)
    constant = np.full((5, 2), 3.0)
    for layer in (nn.Projection.pca(constant, 0.5, whiten=True), nn.Projection.zca(constant)):
        assert (layer(constant) == 0).all()


def test_how_many_components():
    x = table()
    variances = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    for kept in (1, 3, 6):
        assert nn.Projection.pca(x, kept).out_features == kept
        assert nn.Projection.pca(x, float(variances[:kept].sum() / variances.sum() - 1e-9)).out_features == kept
    assert nn.Projection.pca(x).out_features == 6
    assert nn.Projection.pca(x[:4]).out_features == 3


@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_give_what_the_whole_gives(sparse, monkeypatch):
    x = table() * (np.random.default_rng(0).random((203, 6)) < 0.5)
    whole = nn.Projection.pca(x).state_dict()
    monkeypatch.setattr(moments, "_BLOCK", 42)
    given = pytest.importorskip("scipy.sparse").csr_matrix(x) if sparse else x
    for key, value in nn.Projection.pca(given).state_dict().items():
        np.testing.assert_allclose(value, whole[key], rtol=1e-5, atol=1e-6)


def test_inverse():
    x = table()
    for layer in (nn.Projection.pca(x), nn.Projection.pca(x, whiten=True), nn.Projection.zca(x, 0.1)):
        np.testing.assert_allclose(double(layer.inverse())(double(layer)(x)), x, rtol=1e-9)
    some = nn.Projection.pca(x, 2)
    near = double(some.inverse())(double(some)(x))
    np.testing.assert_allclose(double(some)(near), double(some)(x), atol=1e-9)
    left = np.linalg.eigvalsh(np.cov(x.T))[:4].sum()
    np.testing.assert_allclose(np.cov((x - near).T).trace(), left, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_travels_with_the_model_and_is_not_trained(dtype, tmp_path):
    x = table()
    model = nn.Sequential(
        nn.Projection.pca(x, 4, whiten=True), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), seed=0, dtype=dtype
    )
    before = model.state_dict()
    assert list(before)[:3] == ["0.center", "0.bias", "0.weight"]
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.05))
    trainer.fit(x, (x[:, 0] > 0).astype(int), epochs=3)
    for name in list(before)[:3]:
        np.testing.assert_array_equal(model.state_dict()[name], before[name])
    assert model.num_parameters == 4 * 8 + 8 + 8 * 2 + 2
    lm.save(model, tmp_path / "model")
    loaded = lm.load(tmp_path / "model")
    assert_same_state(loaded, model)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_what_is_refused():
    x = table()
    bad = x.copy()
    bad[5, 2] = np.nan
    for make, error, message in [
        (lambda: nn.Projection(0, 2), ValueError, r"\[Projection\] in_features is 0 but must be at least 1"),
        (
            lambda: nn.Projection.of([1.0]),
            ValueError,
            r"\[Projection.of\] weight has shape \(1,\) but \(out_features, ",
        ),
        (lambda: nn.Projection.of(x, x[0, :2]), ValueError, r"center has shape \(2,\) but \(6,\) is expected"),
        (lambda: nn.Projection.of(bad), ValueError, r"weight has NaN or infinite values in column 2"),
        (lambda: nn.Projection.of(x, None, "b"), TypeError, r"\[Projection.of\] bias has dtype <U1"),
        (lambda: nn.Projection.pca(bad), ValueError, r"\[Projection.pca\] x has NaN .* column 2 \(first at row 5\)"),
        (lambda: nn.Projection.pca(x[:1]), ValueError, r"\[Projection.pca\] x has 1 row but at least 2 are needed"),
        (lambda: nn.Projection.pca(x[:, :0]), ValueError, r"\[Projection.pca\] x has no columns \(x is \(203, 0\)\)"),
        (lambda: nn.Projection.pca(x[0]), ValueError, r"\[Projection.pca\] x has shape \(6,\)"),
        (lambda: nn.Projection.pca(x, 7), ValueError, r"components is 7 but x has shape \(203, 6\) and so at most 6"),
        (lambda: nn.Projection.pca(x, 0), ValueError, r"components is 0 but must be at least 1"),
        (lambda: nn.Projection.pca(x, 1.5), ValueError, r"components is 1.5 but a share must be in \(0, 1\)"),
        (lambda: nn.Projection.pca(x, "all"), TypeError, r"components is 'all' but must be an integer"),
        (lambda: nn.Projection.pca(x, whiten=1), TypeError, r"whiten is 1 but must be True or False"),
        (lambda: nn.Projection.zca(x, -1), ValueError, r"\[Projection.zca\] epsilon is -1 but must be at least 0"),
        (lambda: nn.Projection.zca(1e200 * x), ValueError, r"\[Projection.zca\] the values of x are too large"),
    ]:
        with pytest.raises(error, match=message):
            make()
