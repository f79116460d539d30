"""Populations as estimators."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from lamella.estimators import PopulationClassifier, PopulationRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([PopulationClassifier(n_models=3), PopulationRegressor(n_models=3)])
def test_estimator_check(estimator, check):
    check(estimator)
