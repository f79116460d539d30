"""Arguments: scikit-learn's names and defaults, and errors that name what is wrong."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from sklearn import neural_network as theirs

from estimators.problems import assert_same_weights, classes, classifier, numbers, regressor, weights
from lamella import nn
from lamella.callbacks import EarlyStopping
from lamella.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_arguments_are_scikit_learns(name):
    own = inspect.signature({"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[name]).parameters
    for argument, parameter in inspect.signature(getattr(theirs, name)).parameters.items():
        assert own[argument].default == parameter.default
        assert own[argument].kind == parameter.kind
    positional = [p.name for p in own.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    assert positional == [
        p.name
        for p in inspect.signature(getattr(theirs, name)).parameters.values()
        if p.kind == p.POSITIONAL_OR_KEYWORD
    ]


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_attributes_are_scikit_learns(name, settings):
    X, y = classes() if name == "MLPClassifier" else numbers()
    settings = {"max_iter": 3, "random_state": 0, **settings}
    own = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[name](**settings).fit(X, y)
    other = getattr(theirs, name)(**settings).fit(X, y)
    public = [name for name in vars(other) if name.endswith("_") and not name.startswith("_")]
    assert len(public) > 8
    for attribute in public:
        assert isinstance(getattr(own, attribute), (type(getattr(other, attribute)), int, float, type(None))), attribute
    assert [w.shape for w in own.coefs_] == [w.shape for w in other.coefs_]
    assert [w.shape for w in own.intercepts_] == [w.shape for w in other.intercepts_]
    for attribute in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "t_"):
        assert getattr(own, attribute) == getattr(other, attribute), attribute


def test_before_fitting():
    for made in (MLPClassifier(), MLPRegressor()):
        for attribute in ("coefs_", "intercepts_", "network_", "loss_", "classes_"):
            assert not hasattr(made, attribute)
        with pytest.raises(ValueError, match="not fitted yet"):
            made.predict(np.zeros((1, 2)))


def test_weights_can_be_set():
    X, y = numbers()
    fitted = regressor().fit(X, y)
    other = regressor(max_iter=1, random_state=5).fit(X, y)
    other.coefs_, other.intercepts_ = fitted.coefs_, fitted.intercepts_
    np.testing.assert_array_equal(other.predict(X), fitted.predict(X))
    before = [w.copy() for w in weights(other)]
    with pytest.raises(ValueError, match=r"coefs_ has arrays of shapes \[\(8, 1\), \(4, 8\)\] but must have"):
        other.coefs_ = fitted.coefs_[::-1]
    for own, value in zip(weights(other), before, strict=True):
        np.testing.assert_array_equal(own, value)
    fitted.coefs_[-1][...] = 0
    fitted.intercepts_[-1][...] = 7
    np.testing.assert_array_equal(fitted.predict(X), 7)
    assert other.predict(X).std() > 0
    with pytest.raises(AttributeError, match="before it is fitted"):
        regressor().coefs_ = []


def test_numbers_and_answers_of_numpy():
    """As grids of settings have them."""
    X, y = classes()
    made = classifier(
        hidden_layer_sizes=np.array([8]),
        alpha=np.float32(0.5),
        max_iter=np.int64(3),
        batch_size=np.int32(30),
        shuffle=np.bool_(True),
        early_stopping=np.bool_(True),
        batch_norm=np.bool_(False),
        random_state=np.int64(0),
        solver=np.str_("adam"),
        dropout=np.float64(0.1),
        restore_best=np.bool_(True),
        n_iter_no_change=np.float64(np.inf),
    )
    assert made.fit(X, y).n_iter_ == 3


WRONG = {
    "hidden_layer_sizes": [(0, ValueError, "must be at least 1"), ((5, -1), ValueError, "must be at least 1"),
                           ("10", TypeError, "must be an integer"), ((2.5,), TypeError, "must be an integer")],
    "activation": [("relux", ValueError, "must be one of .*gelu.*relu"), (nn.ReLU(), TypeError, "must be a name"),
                   (("relu", "tanh"), ValueError, "2 entries but there are 1 hidden layers")],
    "solver": [("adamx", ValueError, "must be one of .*adamw.*lbfgs"), (3, TypeError, "must be a name"),
               (nn.ReLU, TypeError, "must be a name")],
    "alpha": [(-1, ValueError, "must be at least 0"), ("a", TypeError, "must be a number")],
    "l1": [(-1, ValueError, "must be at least 0")],
    "batch_size": [(0, ValueError, "must be at least 1"), ("all", TypeError, "must be an integer")],
    "learning_rate": [("fast", ValueError, "must be one of constant, invscaling, adaptive")],
    "learning_rate_init": [(0, ValueError, "must be above 0")],
    "power_t": [(-1, ValueError, "must be at least 0")],
    "max_iter": [(0, ValueError, "must be at least 1"), (1.5, TypeError, "must be an integer")],
    "shuffle": [(1, TypeError, "must be True or False")],
    "tol": [(-1, ValueError, "must be at least 0")],
    "verbose": [("loud", ValueError, "must be True, False or 'bar'")],
    "warm_start": [("yes", TypeError, "must be True or False")],
    "momentum": [(1.5, ValueError, r"must be in \[0, 1\]")],
    "nesterovs_momentum": [(0, TypeError, "must be True or False")],
    "early_stopping": [(1, TypeError, "must be True or False")],
    "validation_fraction": [(1.0, ValueError, r"must be in \[0, 1\)")],
    "beta_1": [(1.0, ValueError, r"must be in \[0, 1\)")],
    "epsilon": [(0, ValueError, "must be above 0")],
    "n_iter_no_change": [(0, ValueError, "must be at least 1"), (2.5, TypeError, "must be an integer")],
    "max_fun": [(0, ValueError, "must be at least 1")],
    "dropout": [(1.0, ValueError, r"must be in \[0, 1\)"), ((0.1, 0.2), ValueError, "2 entries")],
    "class_weight": [("even", ValueError, "must be a dict, 'balanced' or None"),
                     ({"ape": 1, "dog": 2}, ValueError, "not in class_weight")],
    "batch_norm": [(None, TypeError, "must be True or False")],
    "max_norm": [(0, ValueError, "must be above 0")],
    "init": [("random", ValueError, "init is 'random' but must be one of")],
    "monitor": [("f1", ValueError, "must be one of score, loss")],
    "restore_best": [(1, TypeError, "must be True or False")],
    "dtype": [("float16", ValueError, "must be one of float32, float64")],
    "callbacks": [(EarlyStopping, TypeError, "an instance, not the class")],
    "loss": [("mse", ValueError, "must be one of"), (nn.MSELoss, TypeError, "an instance, not the class")],
    "solver_params": [({"lrr": 1}, TypeError, "lrr")],
    "random_state": [("seed", ValueError, "cannot be used to seed")],
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    X, y = classes()
    for value, error, message in WRONG[name]:
        made = classifier(**{name: value})
        with pytest.raises(error, match=message) as raised:
            made.fit(X, y)
        if name not in ("init", "solver_params", "random_state"):
            assert name in str(raised.value)
        assert not hasattr(made, "coefs_")
        assert not hasattr(made, "n_features_in_")


LBFGS = {"dropout": 0.5, "l1": 0.1, "max_norm": 1.0, "solver_params": {"lr": 1}, "callbacks": EarlyStopping()}


@pytest.mark.parametrize("name", LBFGS)
def test_what_lbfgs_has_not(name):
    with pytest.raises(ValueError, match=f"{name} is .* but solver 'lbfgs' has none"):
        classifier(solver="lbfgs", **{name: LBFGS[name]}).fit(*classes())


def test_lbfgs_measures_no_validation_data():
    X, y = classes()
    with pytest.raises(ValueError, match=r"\[MLPClassifier.fit validation_data\] solver 'lbfgs' has no epochs"):
        classifier(solver="lbfgs").fit(X, y, validation_data=(X, y))


def test_what_fails_leaves_a_fitted_estimator_as_it_was():
    X, y = classes()
    fitted, twin = classifier(), classifier()
    fitted.fit(X, y)
    twin.fit(X, y)
    before = dict(vars(fitted))
    bad = [
        lambda: fitted.fit(X[:, :2], np.arange(90.0) / 7),
        lambda: fitted.fit(X * np.nan, y),
        lambda: fitted.fit(X, np.where(y == "ape", "eel", y), validation_data=(X, y)),
        lambda: fitted.fit(X, y, validation_data=X),
        lambda: fitted.fit(X, y, validation_data=(X[:, :2], y)),
        lambda: fitted.fit(X, y, sample_weight=-np.ones(90)),
        lambda: fitted.partial_fit(X[:, :2], y),
        lambda: fitted.partial_fit(X, np.where(y == "ape", "eel", y)),
    ]
    for call in bad:
        with pytest.raises((ValueError, TypeError)):
            call()
        assert list(vars(fitted)) == list(before)
        assert all(vars(fitted)[name] is value for name, value in before.items())
    assert_same_weights(fitted, twin)
    assert_same_weights(fitted.partial_fit(X, y), twin.partial_fit(X, y))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_errors_of_the_training_name_the_estimator(method):
    X, y = numbers()
    wrong = [
        (regressor(loss="poisson"), X, -1 - abs(y), "y has .* at least 0"),
        (regressor(dtype="float32"), 1e300 * X, y, "x has NaN or infinite values"),
        (regressor(batch_norm=True, batch_size="auto"), X[:1], y[:1], "needs at least 2"),
        (regressor(solver="sgd", learning_rate_init=1e300), X, y, "loss became"),
    ]
    for made, rows, targets, message in wrong:
        with pytest.raises(ValueError, match=rf"^\[MLPRegressor\.{method}\] .*{message}"):
            getattr(made, method)(rows, targets)


def test_lamella_needs_no_scikit_learn():
    code = """
import sys
import lamella
assert not [name for name in sys.modules if name.startswith(("sklearn", "scipy"))]
sys.modules["sklearn"] = None
try:
    from lamella.estimators import MLPClassifier
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert 'scikit-learn is not installed; pip install "lamella[sklearn]" brings it' in done.stdout, done.stderr
