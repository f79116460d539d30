"""The classifier."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from lamella._arrays import Array
from lamella.estimators.base import BaseMLP, keep_arguments, steppable
from lamella.estimators.labels import Labels, dense
from lamella.estimators.losses import CLASSIFICATION, check_loss, classification_loss
from lamella.nn import _check
from lamella.nn.loss import HingeLoss, Loss, MultiMarginLoss


def gives_probabilities(estimator: Any) -> bool:
    """Whether outputs mean probabilities; AttributeError if not."""
    if estimator.loss == "hinge" or isinstance(estimator.loss, (HingeLoss, MultiMarginLoss)):
        raise AttributeError("the outputs that a hinge loss trains mean no probabilities")
    return True


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A dense network that classifies."""

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        label_smoothing: float = 0.0,
        class_weight: Any = None,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        init: Any = "auto",
        solver_params: Any = None,
        monitor: str = "score",
        restore_best: bool = True,
        callbacks: Any = None,
        dtype: str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        keep_arguments(self, locals())

    def _check_parameters(self, where: str) -> None:
        check_loss(where, self.loss, dict.fromkeys(CLASSIFICATION))
        _check.number(where, "label_smoothing", self.label_smoothing, 0, 1)
        if self.label_smoothing > 0 and self.loss != "log_loss":
            raise ValueError(f"[{where}] label_smoothing is {self.label_smoothing!r} but belongs to loss 'log_loss'")

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        y = dense(y)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _learn_targets(self, y: Any, classes: Any) -> None:
        table = type_of_target(y).startswith("multilabel")
        self._labels = Labels(y if table or classes is None else np.asarray(classes), type(self).__name__)
        self.classes_ = self._labels.classes
        self._labels.indices(y)

    def _check_targets(self, y: Any) -> None:
        own = self._labels.indices(y)
        if self.warm_start and self._labels.kind != "multilabel" and len(np.unique(own)) < len(self.classes_):
            raise ValueError(
                f"[{type(self).__name__}] warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has {np.unique(y)}"
            )

    def _make_loss(self) -> Loss:
        return classification_loss(self.loss, self._labels.kind == "multiclass", self.label_smoothing)

    def _outputs(self, loss: Loss) -> int:
        self.n_outputs_ = self._labels.outputs(loss)
        self.out_activation_ = self._labels.activation(loss)
        return self.n_outputs_

    def _targets(self, loss: Loss, y: Any) -> Array:
        return self._labels.targets(loss, self._labels.indices(y), self.label_smoothing)

    def _weights(self, y: Any, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        by_class = compute_sample_weight(self.class_weight, y)
        return by_class if sample_weight is None else by_class * sample_weight

    def _strata(self, y: Any) -> Array | None:
        return None if self._labels.kind == "multilabel" else y

    @steppable
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Go on by one epoch over these rows.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)
        y : array-like, (n,) or (n, labels)
        sample_weight : array-like, (n,), optional
        classes : array-like, optional
            All classes there are: at the first call, unless y is a table of labels.

        Returns
        -------
        self
        """
        if self.class_weight == "balanced":
            raise ValueError(
                f"[{type(self).__name__}.partial_fit] class_weight is 'balanced' but a part of the data does not say "
                "how often classes are: pass a dict, or sample_weight"
            )
        if not self.__sklearn_is_fitted__():
            if classes is None and not type_of_target(y).startswith("multilabel"):
                raise ValueError("classes must be passed on the first call to partial_fit.")
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit: {self.classes_!r}")
        return self._fit(X, y, sample_weight, None, incremental=True, classes=classes)

    def predict(self, X: Any) -> Array:
        """The classes of rows."""
        outputs = self._raw(X)
        return self._labels.decide(self._learner.loss, outputs)

    @available_if(gives_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Probabilities, (n, classes)."""
        outputs = self._raw(X)
        return self._labels.probabilities(self._learner.loss, outputs)

    @available_if(gives_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Their logarithms."""
        with np.errstate(divide="ignore"):
            result: Array = np.log(self.predict_proba(X))
        return result

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
