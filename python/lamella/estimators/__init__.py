"""scikit-learn estimators: what ``sklearn.neural_network`` has under the same names, and what it refuses to have.

Imported by itself (``from lamella.estimators import MLPClassifier``), as it needs scikit-learn:
``pip install "lamella[sklearn]"``.
"""

try:
    import sklearn as _sklearn  # noqa: F401 - so that one message says what is missing
except ImportError as error:
    raise ImportError(
        '[lamella.estimators] scikit-learn is not installed; pip install "lamella[sklearn]" brings it'
    ) from error

from lamella.estimators.autoencoder import Autoencoder
from lamella.estimators.classifier import MLPClassifier
from lamella.estimators.population_classifier import PopulationClassifier
from lamella.estimators.population_regressor import PopulationRegressor
from lamella.estimators.regressor import MLPRegressor

__all__ = ["Autoencoder", "MLPClassifier", "MLPRegressor", "PopulationClassifier", "PopulationRegressor"]
