"""Inside scikit-learn's tools."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import lamella as lm
from estimators.problems import assert_same_weights, classes, classifier, numbers, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GOOD = {"max_iter": 30, "learning_rate_init": 0.02}


def test_pipeline_and_columns():
    X, y = classes()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 0] > 0, "up", "down"))
    columns = ColumnTransformer([("numbers", StandardScaler(), list("abcd")), ("kinds", OneHotEncoder(), ["kind"])])
    pipeline = make_pipeline(columns, classifier(**GOOD)).fit(frame, y)
    assert pipeline.score(frame, y) > 0.8
    assert pipeline[-1].n_features_in_ == 6


def test_pipelines_that_give_frames():
    X, y = classes()
    frame = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), classifier()).set_output(transform="pandas").fit(frame, y)
    assert list(pipeline[-1].feature_names_in_) == list("abcd")


def test_grid_search():
    X, y = classes()
    grid = {"hidden_layer_sizes": [(4,), (8, 4)], "dropout": [0.0, 0.2], "activation": ["relu", "gelu"]}
    search = GridSearchCV(classifier(), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert_same_weights(search.best_estimator_, classifier(**search.best_params_).fit(X, y))


def test_randomised_search():
    X, y = numbers()
    drawn = {"alpha": [0, 1e-3, 1e-2], "solver": ["adam", "sgd", "adamw"], "batch_norm": [True, False]}
    search = RandomizedSearchCV(regressor(), drawn, n_iter=4, cv=2, random_state=0).fit(X, y)
    assert search.best_score_ > -10


def test_cross_validation():
    X, y = classes()
    assert cross_val_score(classifier(**GOOD), X, y, cv=3).mean() > 0.7
    shares = cross_val_predict(classifier(), X, y, cv=3, method="predict_proba")
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert len(cross_val_score(regressor(), *numbers(), cv=3)) == 3


def test_ensembles():
    X, y = classes()
    own = classifier(**GOOD)
    assert BaggingClassifier(own, 3, random_state=0).fit(X, y).score(X, y) > 0.7
    other = LogisticRegression()
    for voting in ("hard", "soft"):
        assert VotingClassifier([("a", own), ("b", other)], voting=voting).fit(X, y).score(X, y) > 0.8
    assert StackingClassifier([("a", own), ("b", other)], cv=3).fit(X, y).score(X, y) > 0.8
    assert CalibratedClassifierCV(own, cv=3).fit(X, y).predict_proba(X).shape == (90, 3)
    A, b = numbers()
    assert StackingRegressor([("a", regressor(**GOOD))], cv=3).fit(A, b).score(A, b) > 0.5
    target = TransformedTargetRegressor(regressor(**GOOD), transformer=StandardScaler()).fit(A, 100 * b)
    assert target.score(A, 100 * b) > 0.5
    assert MultiOutputClassifier(classifier()).fit(X, np.column_stack([y, y])).predict(X).shape == (90, 2)


def test_weights_are_routed():
    X, y = classes()
    weight = np.random.default_rng(0).uniform(0, 2, 90)
    with sklearn.config_context(enable_metadata_routing=True):
        own = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, own).fit(X, y, sample_weight=weight)
        scores = cross_val_score(own, X, y, cv=2, params={"sample_weight": weight})
    assert_same_weights(pipeline[-1], classifier().fit(StandardScaler().fit_transform(X), y, weight))
    assert len(scores) == 2


def test_workers_share_the_machine(monkeypatch):
    """A search on two processes, each of which has half of the processors."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    X, y = classes()
    search = GridSearchCV(classifier(), {"alpha": [0.0, 0.1]}, cv=2, n_jobs=2).fit(X, y)
    alone = GridSearchCV(classifier(), {"alpha": [0.0, 0.1]}, cv=2).fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    threads = joblib.Parallel(n_jobs=2)(joblib.delayed(lm.get_num_threads)() for _ in range(4))
    assert max(threads) <= max(1, joblib.cpu_count() // 2)
