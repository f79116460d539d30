"""The autoencoder."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from lamella import nn
from lamella.estimators import Autoencoder, MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([Autoencoder(), Autoencoder(3, (7, 5), "tanh", tied=True, max_iter=20)])
def test_estimator_check(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:500] / 16, y[:500]


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_what_it_says(digits, tied, loss):
    X, _ = digits
    coder = Autoencoder(5, (33, 17), tied=tied, loss=loss, code_activation="tanh", max_iter=3, random_state=0).fit(X)
    w, b = coder.coefs_, coder.intercepts_
    assert [each.shape for each in w] == [(64, 33), (33, 17), (17, 5), (5, 17), (17, 33), (33, 64)]
    assert coder.n_layers_ == 7
    for there, back in zip(w[:3], reversed(w[3:]), strict=True):
        assert np.array_equal(there, back.T) == tied
    code = np.tanh(relu(relu(X @ w[0] + b[0]) @ w[1] + b[1]) @ w[2] + b[2])
    output = relu(relu(code @ w[3] + b[3]) @ w[4] + b[4]) @ w[5] + b[5]
    error = ((output - X) ** 2).mean(axis=1)
    if loss == "binary_cross_entropy":
        output = 1 / (1 + np.exp(-output))
        error = -(X * np.log(output) + (1 - X) * np.log(1 - output)).mean(axis=1)
    np.testing.assert_allclose(coder.transform(X), code, rtol=0, atol=1e-12)
    np.testing.assert_allclose(coder.reconstruct(X), output, rtol=0, atol=1e-12)
    np.testing.assert_allclose(coder.inverse_transform(coder.transform(X)), output, rtol=0, atol=1e-12)
    np.testing.assert_allclose(coder.reconstruction_error(X), error, rtol=1e-12)
    np.testing.assert_array_equal(coder.score_samples(X), -coder.reconstruction_error(X))
    assert coder.score(X) == pytest.approx(-error.mean())
    weight = np.arange(len(X))
    assert coder.score(X, sample_weight=weight) == pytest.approx(-np.average(error, weights=weight))


def test_linear_one_finds_the_space_of_pca():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 10)) + 0.01 * rng.standard_normal((200, 10))
    coder = Autoencoder(3, (), solver="lbfgs", alpha=0.0, max_iter=2000, tol=1e-9, random_state=0).fit(X)
    pca = PCA(3).fit(X)
    best = ((pca.inverse_transform(pca.transform(X)) - X) ** 2).mean()
    assert best < coder.reconstruction_error(X).mean() < 1.1 * best  # no code of three numbers has less


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ({}, ["Linear", "ReLU", "Linear", "Identity"]),
        ({"noise": 0.2}, ["GaussianNoise", "Linear", "ReLU", "Linear", "Identity"]),
        ({"masking": 0.3}, ["Dropout", "Linear", "ReLU", "Linear", "Identity"]),
        ({"sparsity_l1": 1e-3}, ["Linear", "ReLU", "Linear", "Identity", "Sparsity"]),
        ({"sparsity_kl": 1e-2, "code_activation": "logistic"}, ["Linear", "ReLU", "Linear", "Sigmoid", "Sparsity"]),
        ({"batch_norm": True, "dropout": 0.1}, ["Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear", "Identity"]),
        ({"activation": ["gelu"]}, ["Linear", "GELU", "Linear", "Identity"]),
    ],
)
def test_encoders(digits, settings, layers):
    X, _ = digits
    coder = Autoencoder(6, (32,), max_iter=15, random_state=0, **settings).fit(X)
    assert [type(layer).__name__ for layer in coder.network_[0].layers] == layers
    assert coder.loss_curve_[-1] < 0.7 * coder.loss_curve_[0]


def test_noise_and_penalty_are_of_the_training_alone(digits):
    X, _ = digits
    noisy = Autoencoder(4, (), noise=0.5, masking=0.5, sparsity_l1=1.0, max_iter=2, random_state=0).fit(X)
    assert np.array_equal(noisy.transform(X), noisy.transform(X))
    w, b = noisy.coefs_, noisy.intercepts_
    np.testing.assert_allclose(noisy.reconstruct(X), (X @ w[0] + b[0]) @ w[1] + b[1], atol=1e-12)


def test_sparse_codes(digits):
    X, _ = digits
    own = {"code_activation": "logistic", "max_iter": 60, "random_state": 0}
    plain = Autoencoder(12, (), **own).fit(X).transform(X)
    sparse = Autoencoder(12, (), sparsity_kl=2.0, sparsity_target=0.1, **own).fit(X).transform(X)
    assert abs(sparse.mean(axis=0) - 0.1).max() < 0.5 * abs(plain.mean(axis=0) - 0.1).max()


@pytest.mark.parametrize("tied", [False, True])
def test_pretraining(digits, tied):
    X, _ = digits
    own = {"tied": tied, "max_iter": 1, "random_state": 0, "activation": ["relu", "tanh"], "dropout": [0.1, 0.0]}
    plain = Autoencoder(6, (40, 20), **own).fit(X)
    ready = Autoencoder(6, (40, 20), pretrain_iter=40, noise=0.05, **own).fit(X, sample_weight=np.ones(len(X)))
    assert ready.loss_ < 0.7 * plain.loss_
    again = clone(ready).fit(X)
    assert np.array_equal(again.transform(X), ready.transform(X))
    later = clone(ready).set_params(warm_start=True).fit(X)
    assert later.fit(X).loss_ < ready.loss_  # it does not begin anew


def test_pretraining_learns_layer_by_layer(digits):
    X, _ = digits
    settings = {"pretrain_iter": 4, "max_iter": 1, "learning_rate_init": 1e-12, "random_state": 0}
    still = Autoencoder(6, (), **settings).fit(X)  # nothing moves, not in pre-training either
    fresh = Autoencoder(6, (), max_iter=1, learning_rate_init=1e-12, random_state=0).fit(X)
    seed = fresh.network_.seed
    pair = Autoencoder(6, (), max_iter=1, learning_rate_init=1e-12, random_state=seed).fit(X)
    np.testing.assert_allclose(still.coefs_[0], pair.coefs_[0], atol=1e-9)
    assert abs(still.coefs_[0] - fresh.coefs_[0]).max() > 0.01


def test_early_stopping_and_validation_data(digits):
    X, _ = digits
    coder = Autoencoder(6, (32,), early_stopping=True, n_iter_no_change=3, tol=0.05, random_state=0).fit(X)
    assert coder.n_iter_ < 200
    assert coder.best_validation_score_ == max(coder.validation_scores_)
    own = clone(coder).fit(X[:400], validation_data=X[400:])
    weighted = clone(coder).fit(X[:400], validation_data=(X[400:], np.ones(100)))
    assert own.validation_scores_ == weighted.validation_scores_
    assert len(own.validation_scores_) == own.n_iter_
    half_sum = own.reconstruction_error(X[400:]).mean() * 64 / 2  # of the best epoch, whose weights are back
    assert own.best_validation_score_ == pytest.approx(-half_sum)


def test_weights_stand_for_rows(digits):
    X, _ = digits
    settings = {"solver": "sgd", "learning_rate_init": 0.01, "max_iter": 5, "batch_size": 60, "random_state": 0}
    weight = np.r_[np.full(10, 2.0), np.ones(20), np.zeros(30)]
    rows = np.r_[np.arange(10), np.arange(30)]
    one = Autoencoder(3, (9,), shuffle=False, **settings).fit(X[:60], sample_weight=weight)
    with pytest.warns(UserWarning, match="batch_size is 60 but there are 40 rows"):
        other = Autoencoder(3, (9,), shuffle=False, **settings).fit(X[rows])
    np.testing.assert_allclose(one.transform(X), other.transform(X), atol=1e-4)  # alpha counts other numbers of rows
    same = Autoencoder(3, (9,), **settings).fit(X[:60], sample_weight=np.full(60, 3.0))
    assert not np.array_equal(same.transform(X), one.transform(X))


def test_partial_fit_goes_on_after_a_pickle_with_the_same_bits(digits):
    X, _ = digits
    coder = Autoencoder(4, (16,), tied=True, noise=0.1, random_state=0)
    for _ in range(3):
        coder.partial_fit(X)
    copy = pickle.loads(pickle.dumps(coder))
    assert np.array_equal(copy.transform(X), coder.transform(X))
    assert np.array_equal(copy.partial_fit(X).transform(X), coder.partial_fit(X).transform(X))
    assert len(pickle.dumps(coder)) < X.nbytes


def test_in_scikit_learns_tools(digits):
    pd = pytest.importorskip("pandas")
    X, y = digits
    settings = {"learning_rate_init": 0.01, "max_iter": 40, "random_state": 0}
    pipeline = make_pipeline(Autoencoder(8, (32,), **settings), MLPClassifier((20,), **settings))
    assert pipeline.fit(X, y).score(X, y) > 0.8
    frame = pd.DataFrame(X, columns=[f"pixel {number}" for number in range(64)])
    coder = Autoencoder(3, (), max_iter=2, random_state=0).set_output(transform="pandas")
    codes = coder.fit_transform(frame)
    assert (
        list(codes.columns) == ["autoencoder0", "autoencoder1", "autoencoder2"] == list(coder.get_feature_names_out())
    )
    assert list(coder.feature_names_in_) == list(frame.columns)
    search = GridSearchCV(Autoencoder(max_iter=15, hidden_layer_sizes=(), random_state=0), {"n_components": [1, 8]})
    assert search.fit(X).best_params_ == {"n_components": 8}


def test_finds_what_is_unlike(digits):
    X, _ = digits
    coder = Autoencoder(8, (40,), max_iter=60, random_state=0).fit(X)
    assert coder.score_samples(1 - X[:50]).max() < np.quantile(coder.score_samples(X), 0.01)


def test_types_and_losses(digits):
    X, _ = digits
    for dtype in ("float32", "float64"):
        coder = Autoencoder(4, (8,), max_iter=1, random_state=0).fit(X.astype(dtype))
        for made in (coder.transform(X), coder.reconstruct(X), coder.reconstruction_error(X)):
            assert made.dtype == dtype
    assert Autoencoder(4, (8,), dtype="float32", max_iter=1).fit(X).transform(X).dtype == "float32"
    loss = nn.HuberLoss("batchmean", delta=0.1)
    coder = Autoencoder(4, (8,), loss=loss, max_iter=5, random_state=0).fit(X)
    expected = nn.HuberLoss("none", delta=0.1)(coder.reconstruct(X), X).mean(axis=1)
    np.testing.assert_allclose(coder.reconstruction_error(X), expected)
    assert loss.reduction == "batchmean"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_components": 0}, ValueError, r"\[Autoencoder\] n_components is 0 but must be at least 1"),
        ({"n_components": 2.5}, TypeError, r"n_components is 2.5 but must be an integer"),
        ({"masking": 1.0}, ValueError, r"masking is 1.0 but must be in \[0, 1\)"),
        ({"noise": -1}, ValueError, r"noise is -1 but must be at least 0"),
        ({"sparsity_kl": 1.0}, ValueError, "sparsity_kl is 1.0 but code_activation is 'identity': it must be"),
        ({"sparsity_target": 1.0}, ValueError, "target is 1.0 but must be inside"),
        ({"tied": "yes"}, TypeError, "tied is 'yes' but must be"),
        ({"loss": "hinge"}, ValueError, "loss is 'hinge' but must be one of squared_error, binary_cross_entropy"),
        ({"code_activation": "x"}, ValueError, "'x' but must be one of"),
        ({"pretrain_iter": 2, "batch_norm": True}, ValueError, "pretrain_iter is 2 but batch_norm is True"),
        ({"noise": 0.1, "solver": "lbfgs"}, ValueError, "noise is 0.1 but there is none with solver 'lbfgs'"),
        ({"loss": "binary_cross_entropy"}, ValueError, r"X reaches from 0 to 16 but must be in \[0, 1\]"),
    ],
)
def test_bad_arguments(settings, error, message):
    X = load_digits(return_X_y=True)[0][:50]
    coder = Autoencoder(**settings)
    with pytest.raises(error, match=message):
        coder.fit(X)
    with pytest.raises(NotFittedError):
        coder.transform(X)


def test_bad_codes(digits):
    X, _ = digits
    coder = Autoencoder(4, (), max_iter=1).fit(X)
    with pytest.raises(ValueError, match=r"inverse_transform\] X has 3 columns but codes have 4"):
        coder.inverse_transform(np.zeros((2, 3)))
    assert not hasattr(Autoencoder(solver="lbfgs"), "partial_fit")
