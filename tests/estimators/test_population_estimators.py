"""Populations as estimators."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import lamella as lm
from lamella import nn, space
from lamella.callbacks import Callback
from lamella.estimators import MLPClassifier, MLPRegressor, PopulationClassifier, PopulationRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([PopulationClassifier(n_models=2), PopulationRegressor(n_models=2)])
def test_estimator_check(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X / X.std(axis=0), (y - y.mean()) / y.std()


QUICK = {"max_iter": 8, "learning_rate_init": 0.02, "batch_size": 32}


def classifiers(n_models=4, estimator=None, **settings):
    return PopulationClassifier(estimator or MLPClassifier((9,), **QUICK), n_models, random_state=0, **settings)


@pytest.mark.parametrize(
    "own", [{}, {"early_stopping": True}, {"dropout": 0.2, "batch_norm": True}, {"dtype": "float32"}]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_each_is_as_it_would_be_alone(iris, own, threads):
    X, y = iris
    weight = np.linspace(0.5, 2, len(X))
    population = classifiers(3, MLPClassifier((9,), **QUICK, **own), n_jobs=threads).fit(X, y, weight)
    assert len({member.random_state for member in population.estimators_}) == 3
    for member in population.estimators_:
        alone = clone(member).fit(X, y, weight)
        assert np.array_equal(alone.predict_proba(X), member.predict_proba(X))
        assert alone.loss_curve_ == member.loss_curve_
        assert alone.validation_scores_ == member.validation_scores_
        assert alone.n_iter_ == member.n_iter_


def test_means_and_votes(iris):
    X, y = iris
    mean = classifiers().fit(X, y)
    each = np.stack([member.predict_proba(X) for member in mean.estimators_])
    assert np.array_equal(mean.predict_proba_each(X), each)
    np.testing.assert_allclose(mean.predict_proba(X), each.mean(axis=0), rtol=1e-12)
    assert np.array_equal(mean.predict(X), mean.classes_[each.mean(axis=0).argmax(axis=1)])
    np.testing.assert_allclose(mean.predict_log_proba(X), np.log(each.mean(axis=0)), rtol=1e-12)
    vote = classifiers(combine="vote").fit(X, y)
    labels = vote.predict_each(X)
    assert labels.shape == (4, len(X))
    assert np.array_equal(labels, mean.predict_each(X))
    shares = (labels[:, :, None] == vote.classes_).mean(axis=0)
    assert np.array_equal(vote.predict_proba(X), shares)
    assert np.array_equal(vote.predict(X), vote.classes_[shares.argmax(axis=1)])
    assert list(vote.classes_) == ["setosa", "versicolor", "virginica"]


def test_hinges_vote(iris):
    X, y = iris
    hinge = MLPClassifier((9,), loss="hinge", **QUICK)
    assert classifiers(estimator=hinge, combine="vote").fit(X, y).score(X, y) > 0.8
    with pytest.raises(ValueError, match=r'combine is "mean" but MultiMarginLoss.* tells no probabilities: use "vote"'):
        classifiers(estimator=hinge).fit(X, y)


def test_settings_that_differ(iris):
    X, y = iris
    settings = {
        "hidden_layer_sizes": [(5,), (4, 3)],
        "alpha": loguniform(1e-5, 1e-1),
        "learning_rate_init": space.LogUniform(1e-3, 1e-1),
        "dropout": np.array([0.0, 0.1, 0.2]),
        "activation": "tanh",
    }
    population = classifiers(5, settings=settings).fit(X, y)
    members = population.estimators_
    assert [member.hidden_layer_sizes for member in members] == [(5,), (4, 3)] * 2 + [(5,)]
    assert [member.dropout for member in members] == [0.0, 0.1, 0.2, 0.0, 0.1]
    assert {member.activation for member in members} == {"tanh"}
    for name, low, high in (("alpha", 1e-5, 1e-1), ("learning_rate_init", 1e-3, 1e-1)):
        drawn = [getattr(member, name) for member in members]
        assert len(set(drawn)) == 5
        assert all(low <= value <= high for value in drawn)
        assert drawn == [getattr(member, name) for member in clone(population).fit(X, y).estimators_]
    assert [w.shape for w in members[1].coefs_] == [(4, 4), (4, 3), (3, 3)]
    seeds = classifiers(2, settings={"random_state": [3, 4]}).fit(X, y)
    assert np.array_equal(
        seeds.estimators_[1].predict_proba(X), MLPClassifier((9,), **QUICK, random_state=4).fit(X, y).predict_proba(X)
    )


def seen_by(population, X, y, samples):
    """(models, n) how often each row was taken: weights of rows stand for it, as a test of its own."""
    from lamella.population.rows import training_rows

    seeds = [member.random_state for member in population.estimators_]
    codes = np.searchsorted(np.unique(y), y) if samples == "stratified" else np.zeros(len(y))
    return [np.bincount(rows, minlength=len(y)) for rows in training_rows(samples, len(y), seeds, codes, "")]


@pytest.mark.parametrize("samples", ["bootstrap", "stratified"])
def test_out_of_bag(iris, samples):
    X, y = iris
    population = classifiers(12, samples=samples, oob_score=True).fit(X, y)
    taken = np.stack(seen_by(population, X, y, samples))
    assert (taken.sum(axis=1) == len(X)).all()
    each, unseen = population.predict_proba_each(X), (taken == 0)[:, :, None]
    expected = (each * unseen).sum(axis=0) / unseen.sum(axis=0)
    np.testing.assert_allclose(population.oob_decision_function_, expected, rtol=1e-12)
    assert population.oob_score_ == accuracy_score(y, population.classes_[expected.argmax(axis=1)])
    assert population.oob_score_ > 0.8
    if samples == "stratified":
        counts = [[row[y == label].sum() for label in population.classes_] for row in taken]
        assert (np.array(counts) == 50).all()


def test_rows_of_each(iris):
    X, y = iris
    rows = [np.arange(0, 150, 2), np.arange(1, 150, 2), np.arange(150) % 3 == 0]
    population = classifiers(3, samples=rows, oob_score=True).fit(X, y)
    for member, own in zip(population.estimators_, rows, strict=True):
        alone = clone(member).fit(X[own], y[own])
        np.testing.assert_allclose(alone.predict_proba(X), member.predict_proba(X), rtol=1e-9)
    assert not np.isnan(population.oob_decision_function_).any()
    with pytest.raises(ValueError, match="samples are row numbers, but early_stopping takes rows out"):
        classifiers(3, MLPClassifier((9,), early_stopping=True, **QUICK), samples=rows).fit(X, y)


def test_rows_that_all_have_seen(iris):
    X, y = iris
    with pytest.warns(UserWarning, match=r"\d+ rows have no out-of-bag prediction: all models saw them"):
        population = classifiers(1, samples="bootstrap", oob_score=True).fit(X, y)
    assert 0.3 < np.isnan(population.oob_decision_function_).all(axis=1).mean() < 0.9
    with pytest.raises(ValueError, match="oob_score is True but all models learned from all rows"):
        classifiers(1, samples=[np.arange(len(X))], oob_score=True).fit(X, y)


def test_held_out_rows_are_no_bag(iris):
    X, y = iris
    own = MLPClassifier((9,), early_stopping=True, validation_fraction=0.3, **QUICK)
    with pytest.warns(UserWarning, match="no out-of-bag prediction"):
        population = classifiers(1, own, samples="bootstrap", oob_score=True).fit(X, y)
    unseen = 1 - np.isnan(population.oob_decision_function_[:, 0]).mean()
    assert unseen < 0.7 * np.exp(-1) + 0.1  # of what is learned from 1 / e is left out, and nothing of what is held out


def test_regressors(diabetes):
    X, y = diabetes
    estimator = MLPRegressor(hidden_layer_sizes=(9,), standardize_target=True, **QUICK)
    population = PopulationRegressor(estimator, 24, samples="bootstrap", oob_score=True, random_state=0)
    population.fit(X, 100 + 50 * y)
    each = np.stack([member.predict(X) for member in population.estimators_])
    assert np.array_equal(population.predict_each(X), each)
    mean, std = population.predict(X, return_std=True)
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, each.std(axis=0), rtol=1e-9)
    assert np.array_equal(population.predict(X), mean)
    assert population.oob_score_ == r2_score(100 + 50 * y, population.oob_prediction_)
    assert 0.3 < population.oob_score_ < population.score(X, 100 + 50 * y)
    two = PopulationRegressor(estimator, 3, random_state=0).fit(X, np.c_[y, -y])
    assert [part.shape for part in two.predict(X[:5], return_std=True)] == [(5, 2)] * 2
    assert two.predict_each(X[:5]).shape == (3, 5, 2)


def test_several_labels(iris):
    X, y = iris
    table = np.c_[y == "setosa", y != "virginica"].astype(int)
    for combine in ("mean", "vote"):
        population = classifiers(20, combine=combine, samples="bootstrap", oob_score=True).fit(X, table)
        assert population.score(X, table) > 0.7
        assert population.predict(X).shape == population.predict_proba(X).shape == table.shape
        assert population.oob_decision_function_.shape == table.shape
    with pytest.raises(ValueError, match="targets are not classes"):
        classifiers(samples="stratified").fit(X, table)


def test_those_that_diverge_are_left_out(iris):
    X, y = iris
    rates = {"learning_rate_init": [0.01, 1e200]}
    wild = MLPClassifier((9,), activation="identity", solver="sgd", max_iter=8)
    with pytest.warns(
        UserWarning, match=r"\[PopulationClassifier.fit\] 2 of 4 models diverged and are left out: \[1, 3\]"
    ):
        population = classifiers(4, wild, settings=rates).fit(X, y)
    assert len(population.estimators_) == 2
    assert list(population.left_out_) == [1, 3]
    assert "try a lower learning rate" in population.left_out_[1]
    assert np.isfinite(population.predict_proba(X)).all()
    before = population.predict_proba(X)
    population.set_params(settings={"learning_rate_init": 1e200})
    with pytest.raises(ValueError, match="all 4 models diverged; one of them: the loss became"):
        population.fit(X, y)
    assert np.array_equal(population.predict_proba(X), before)


def test_interrupted(iris):
    X, y = iris
    calls = []

    def stop(epoch, record):
        calls.append(epoch)
        if len(calls) == 5:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        population = classifiers(6, MLPClassifier((9,), callbacks=stop, **QUICK), n_jobs=1).fit(X, y)
    assert len(population.estimators_) == 1
    assert population.estimators_[0].n_iter_ == 5
    assert population.left_out_[3] == "interrupted before the end of its first epoch"
    assert population.predict(X).shape == y.shape


TOLD: list[str] = []


class Tells(Callback):
    """Copies of it write to one list."""

    def on_fit_begin(self, run):
        TOLD.append("begin")

    def on_epoch_end(self, run, epoch, record):
        TOLD.append("epoch")

    def on_fit_end(self, run):
        TOLD.append("end")


def test_callbacks_are_told_of_each(iris):
    X, y = iris
    TOLD.clear()
    classifiers(3, MLPClassifier((9,), callbacks=Tells(), **QUICK)).fit(X, y)
    assert TOLD[:3] == ["begin"] * 3
    assert TOLD[3:-3] == ["epoch"] * 3 * 8
    assert TOLD[-3:] == ["end"] * 3


def test_validation_data_decides(iris):
    X, y = iris
    own = MLPClassifier((9,), early_stopping=True, max_iter=50, learning_rate_init=0.05, n_iter_no_change=3)
    population = classifiers(3, own).fit(X[::2], y[::2], validation_data=(X[1::2], y[1::2]))
    for member in population.estimators_:
        assert member.best_validation_score_ == pytest.approx(member.score(X[1::2], y[1::2]), abs=1e-6)


def test_pickles_and_tools(iris):
    X, y = iris
    population = classifiers(3).fit(X, y)
    copy = pickle.loads(pickle.dumps(population))
    assert np.array_equal(copy.predict_proba(X), population.predict_proba(X))
    member = copy.estimators_[0].partial_fit(X, y)
    assert np.array_equal(member.coefs_[0], population.estimators_[0].partial_fit(X, y).coefs_[0])
    pipeline = make_pipeline(StandardScaler(), classifiers(2))
    assert cross_val_score(pipeline, X, y, cv=2).min() > 0.6
    search = GridSearchCV(classifiers(2), {"estimator__learning_rate_init": [1e-9, 0.02], "n_models": [2]}, cv=2)
    assert search.fit(X, y).best_params_["estimator__learning_rate_init"] == 0.02
    assert isinstance(population.estimators_[0].network_, nn.Sequential)
    ensemble = lm.Ensemble([member.network_ for member in population.estimators_], nn.CrossEntropyLoss())
    np.testing.assert_allclose(ensemble.predict(X), population.predict_proba(X), rtol=1e-12)


def test_kinds_of_data(iris):
    sparse = pytest.importorskip("scipy.sparse")
    pd = pytest.importorskip("pandas")
    X, y = iris
    expected = classifiers(2).fit(X, y).predict_proba(X)
    made = classifiers(2).fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(made.predict_proba(sparse.csr_matrix(X)), expected)
    frame = pd.DataFrame(X, columns=list("abcd"))
    framed = classifiers(2).fit(frame, pd.Series(y))
    assert list(framed.feature_names_in_) == list("abcd")
    assert np.array_equal(framed.predict_proba(frame), expected)
    assert classifiers(2, MLPClassifier((9,), **QUICK)).fit(X.astype("float32"), y).predict_proba(X).dtype == "float32"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_models": 0}, ValueError, r"\[PopulationClassifier\] n_models is 0 but must be at least 1"),
        ({"estimator": MLPRegressor()}, TypeError, r"estimator is MLPRegressor\(\) but must be a MLPClassifier"),
        ({"settings": 3}, TypeError, "settings is 3 but must be a mapping"),
        ({"settings": {"alph": [1]}}, ValueError, "settings of model 0: Invalid parameter 'alph'"),
        ({"settings": {"alpha": [-1]}}, ValueError, "alpha is -1 but must be at least 0"),
        ({"settings": {"alpha": []}}, ValueError, r"settings\['alpha'\] is an empty list"),
        ({"samples": "some"}, ValueError, "samples is 'some' but must be one of shared, bootstrap, stratified"),
        ({"samples": [[0, 1]]}, ValueError, "samples has rows for 1 models but there are 2"),
        ({"samples": [[0, 1], [150]]}, ValueError, r"samples\[1\] reaches from 150 to 150"),
        ({"combine": "sum"}, ValueError, "combine is 'sum' but must be one of mean, vote"),
        ({"oob_score": True}, ValueError, 'oob_score is True but samples is "shared"'),
        ({"n_jobs": 0}, ValueError, "n_jobs is 0 but must be"),
    ],
)
def test_bad_arguments(iris, settings, error, message):
    population = PopulationClassifier(**{"n_models": 2, **settings})
    with pytest.raises(error, match=message):
        population.fit(*iris)
    assert not hasattr(population, "estimators_")


def test_bad_arguments_of_regressors(diabetes):
    with pytest.raises(ValueError, match=r'\[PopulationRegressor\] samples is "stratified" but there are no classes'):
        PopulationRegressor(samples="stratified").fit(*diabetes)
