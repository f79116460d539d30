"""The autoencoder."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from lamella.estimators import Autoencoder


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([Autoencoder(), Autoencoder(3, (7, 5), "tanh", tied=True, max_iter=20)])
def test_estimator_check(estimator, check):
    check(estimator)
