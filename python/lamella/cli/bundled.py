"""Data sets that come with scikit-learn, by name."""

import numpy as np

from lamella.cli.columns import Column
from lamella.cli.dataset import Dataset
from lamella.cli.errors import needs_extra

#: Name to what it is; the loader in sklearn.datasets is load_<name>.
BUNDLED = {
    "digits": "1797 images of handwritten digits, 8 x 8 pixels",
    "breast_cancer": "569 tumours, benign or malignant",
    "wine": "178 wines from three growers",
    "iris": "150 flowers of three species",
    "diabetes": "442 patients, progress of the disease after a year (regression)",
}

#: Shapes of those whose rows are images.
IMAGES = {"digits": (8, 8)}


def load_bundled(name: str) -> Dataset:
    """One of :data:`BUNDLED`.

    Raises
    ------
    CliError
        If scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise needs_extra("scikit-learn", f"the data set {name}") from error

    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(**options)
    features = [
        Column(str(label), np.ascontiguousarray(values, np.float64))
        for label, values in zip(bunch.feature_names, bunch.data.T, strict=True)
    ]
    if name == "diabetes":
        target = Column("progression", bunch.target.astype(np.float64))
    else:
        target = Column("class", np.array([str(label) for label in bunch.target_names], object)[bunch.target])
    return Dataset(name, features, target)
