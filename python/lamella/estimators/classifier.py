"""The classifier."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import validate_data

from lamella._arrays import Array, dense
from lamella.estimators.base import BaseMLP, keep_arguments, steppable
from lamella.estimators.labels import Labels
from lamella.estimators.losses import (
    CLASSIFICATION,
    check_loss,
    classification_loss,
    gives_margins,
    gives_probabilities,
)
from lamella.nn import _check
from lamella.nn.loss import Loss


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A dense network that classifies: into two classes or many, or by several labels for each row.

    Takes the place of ``sklearn.neural_network.MLPClassifier``: the same arguments, attributes and algebra, so that
    equal settings train equally. (What differs: a last batch that is smaller than the others has no larger penalty;
    epsilon, and momentum under rates that change, are PyTorch's.) From ``loss`` on, what that does not have.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, or int, default (100,)
        Units of each hidden layer; () is a linear model.
    activation : str or callable, or a list of them, default "relu"
        Of all hidden layers, or of each: scikit-learn's names, those of all activations of :mod:`lamella.nn` in small
        letters ("gelu", "leaky_relu"), or what makes a layer (``nn.SiLU``, ``functools.partial(nn.LeakyReLU, 0.2)``).
    solver : str or callable, default "adam"
        "adam", "sgd" or any other optimizer of :mod:`lamella.optim` by its name in small letters, or as a class;
        "lbfgs", scipy's L-BFGS on all rows at once; or a function of parameters that makes an optimizer, which then
        says itself what its rate and penalties are.
    alpha : float, default 1e-4
        alpha / 2 |w|^2 is added to the loss, divided by what the rows of a batch count together. Not of biases.
        Optimizers that decay weights apart from the gradient (AdamW, Lion) take ``solver_params={"weight_decay": ...}``
        in its place.
    batch_size : int or "auto", default "auto"
        "auto": 200, or all rows if these are fewer.
    learning_rate : str or callable, default "constant"
        Of sgd: "constant"; "invscaling", learning_rate_init / (rows seen + 1)^power_t after each epoch; "adaptive", a
        fifth where training would stop otherwise, until 1e-6. Of any optimizer: what makes a schedule of it, such as
        ``functools.partial(optim.StepLR, step_size=10)``; it goes on over calls of :meth:`partial_fit`.
    learning_rate_init : float, default 1e-3
    power_t : float, default 0.5
    max_iter : int, default 200
        Epochs at most (of lbfgs: iterations).
    shuffle : bool, default True
        Take rows in another order each epoch.
    random_state : int, RandomState or None, default None
        Of first weights, the order of rows, dropout, and which rows are held out.
    tol, n_iter_no_change : float and int, default 1e-4 and 10
        Training ends when the loss (with early stopping, the score) has not got better than its best by tol for more
        than so many epochs in a row; ``n_iter_no_change=inf``: it does not.
    verbose : bool or "bar", default False
        Print a line after each epoch; "bar": a progress bar in terminals and notebooks.
    warm_start : bool, default False
        :meth:`fit` goes on from the weights there are, with a new optimizer.
    momentum, nesterovs_momentum : float and bool, default 0.9 and True
        Of sgd.
    early_stopping : bool, default False
        Hold out a part of the rows (stratified) or take the validation data given to :meth:`fit`, watch how they are
        predicted, and end with the weights of the best epoch.
    validation_fraction : float, default 0.1
        Share that early stopping holds out.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999 and 1e-8
        Of adam; epsilon as in Kingma & Ba 2015, algorithm 1, and in PyTorch.
    max_fun : int, default 15000
        Most evaluations of lbfgs.
    loss : str or Loss, default "log_loss"
        "log_loss", "focal", "hinge", or a loss of classes of :mod:`lamella.nn`. One of yes or no, such as
        ``nn.BCEWithLogitsLoss()``, tells each of several classes from all others.
    label_smoothing : float, default 0
        Share of the target that is spread over all classes, of "log_loss". In [0, 1].
    class_weight : dict, "balanced" or None, default None
        What rows of each class count: multiplies ``sample_weight``.
    dropout : float, or a list of floats, default 0
        Share of units dropped after all hidden layers, or after each. In [0, 1).
    batch_norm : bool, default False
        Normalize each hidden layer before its activation.
    l1 : float, default 0
        l1 |w| is added to the loss, divided as alpha is.
    max_norm : float, optional
        The incoming weights of each unit are held to this length.
    init : str, object or callable, default "auto"
        First weights, as :class:`lamella.nn.Linear` takes them. "auto": uniform by Glorot & Bengio 2010, and biases
        too, as scikit-learn draws them (LeCun's before SELU); None: by the activation, and biases of zero.
    solver_params : dict, optional
        More settings of the optimizer, such as ``{"clip_norm": 1.0}``.
    monitor : "score" or "loss", default "score"
        What of held-out rows decides: the accuracy or the loss.
    restore_best : bool, default True
        Whether early stopping ends with the weights of the best epoch.
    callbacks : Callback, function of (epoch, record), or a list of them, optional
        See :mod:`lamella.callbacks`. An ``EarlyStopping`` takes the place of the rule of ``tol``.
    dtype : "float32", "float64" or None, default None
        None: of X, float64 for integers. float32 is faster.
    n_jobs : int, optional
        Most threads; -1: all. By default as many as pay (see :func:`lamella.set_num_threads`). The bits are the same.

    Attributes
    ----------
    classes_ : ndarray
    coefs_, intercepts_ : lists of ndarray
        Weights (inputs, outputs) and biases of the dense layers: views of the network's own, which may be written.
    network_ : Sequential
        The network, for all else that lamella does with one: ``lamella.save(estimator.network_, path)``.
    loss_curve_, loss_, best_loss_ : list of float, float, float
        Loss and penalty of each epoch of all fits, of the last, and the least; the last is None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        Of held-out rows: accuracy (of several labels: the share of labels that are right), or the negative loss with
        ``monitor="loss"`` and for losses that know no accuracy.
    history_ : History
        All that was seen in the last call: losses, scores, rates and seconds by epoch.
    n_iter_ : int
        Epochs of the last call.
    t_ : int
        Rows seen so far.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As scikit-learn's.

    Notes
    -----
    Bits are the same for any number of threads. Pickles hold no data, do not grow but by the loss curve, and go on
    learning where they were. Sparse X is made dense some rows at a time (for lbfgs, as a whole).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = MLPClassifier((64, 32), "gelu", dropout=0.1, early_stopping=True, random_state=0).fit(X / 16, y)
    >>> bool(net.score(X / 16, y) > 0.95)
    True
    """

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
        weights = self.class_weight
        if weights is not None and weights != "balanced" and not isinstance(weights, (dict, list)):
            raise ValueError(f"[{where}] class_weight is {weights!r:.80} but must be a dict, 'balanced' or None")
        if self.label_smoothing > 0 and self.loss != "log_loss":
            raise ValueError(f"[{where}] label_smoothing is {self.label_smoothing!r} but belongs to loss 'log_loss'")

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        y = dense(y)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _learn_targets(self, y: Any, classes: Any) -> None:
        own = classes is None or type_of_target(y).startswith("multilabel")
        self._labels = Labels(y if own else np.asarray(classes), type(self).__name__)
        self.classes_ = self._labels.classes
        if not own:
            self._labels.indices(y)  # before weights by class

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
        """The classes of rows.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (n,) or, with several labels, (n, labels)
        """
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

    @available_if(gives_margins)
    def decision_function(self, X: Any) -> Array:
        """Margins, where the loss is a hinge, which gives no probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix, (n, features)

        Returns
        -------
        ndarray, (n,) or, with more than two classes or several labels, (n, classes)
            Above 0 for the second of two classes.
        """
        return self._labels.margins(self._raw(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
