"""The autoencoder."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from lamella import nn
from lamella._arrays import Array
from lamella.estimators.base import BaseMLP, keep_arguments, steppable
from lamella.estimators.learner import Learner
from lamella.estimators.losses import check_loss
from lamella.estimators.mirror import make_mirror
from lamella.estimators.network import activation_of, flag
from lamella.estimators.pretraining import pretrain
from lamella.estimators.rows import Rows
from lamella.estimators.solver import LBFGS
from lamella.estimators.threads import at_most, check_jobs
from lamella.nn import _check
from lamella.nn.loss import Loss

#: Losses by name.
_LOSSES: dict[str, Callable[[], Loss]] = {
    "squared_error": lambda: nn.MSELoss("batchmean", half=True),
    "binary_cross_entropy": lambda: nn.BCEWithLogitsLoss(reduction="batchmean"),
}


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseMLP):
    """A dense network that learns to restore its input from a code: a non-linear PCA, and a detector of anomalies.

    The encoder has ``hidden_layer_sizes`` and then the code of ``n_components``; the decoder is its mirror image.
    Inputs should be standardised (squared error), or be in [0, 1] (binary cross-entropy).

    Parameters
    ----------
    n_components : int, default 8
        Width of the code.
    hidden_layer_sizes : int or sequence of int, default (100,)
        Widths between the input and the code; () for none.
    activation : str, class or function; or a list, default "relu"
        Of these layers, see :class:`MLPClassifier`.
    code_activation : str, class or function, default "identity"
        Of the code.
    loss : "squared_error", "binary_cross_entropy" or Loss, default "squared_error"
        By which input and output differ. "squared_error": 1/2 |x̂ - x|², for real inputs.
        "binary_cross_entropy": -Σ x log x̂ + (1 - x) log(1 - x̂), for inputs in [0, 1], x̂ the sigmoid of the output.
        Summed over features and averaged over rows.
    tied : bool, default False
        The decoder's weights are the encoder's, transposed (:class:`lamella.nn.Tied`); its biases are its own.
    noise : float, default 0
        Standard deviation of normal noise that is added to the input in training, to be removed by the network
        (Vincent et al. 2008).
    masking : float in [0, 1), default 0
        Share of the input that is set to zero in training, the rest being scaled by 1 / (1 - masking).
    sparsity_l1 : float, default 0
        Factor of the sum of magnitudes of the code, see :class:`lamella.nn.Sparsity`.
    sparsity_kl, sparsity_target : float, default 0 and 0.05
        Factor of the divergences of the mean activations of the code's units from a target; for a code in (0, 1), as
        ``code_activation="logistic"`` makes it.
    pretrain_iter : int, default 0
        Epochs for which each layer is trained, with its mirror image, on what the layer before it says, before all are
        trained together (Bengio et al. 2007).
    solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, shuffle, random_state, tol, \
verbose, warm_start, momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, \
n_iter_no_change, max_fun, dropout, batch_norm, l1, max_norm, init, solver_params, restore_best, callbacks, dtype, \
n_jobs
        As for :class:`MLPClassifier`. Dropout and batch normalization are those of the hidden layers.

    Attributes
    ----------
    network_ : Sequential
        ``network_[0]`` is the encoder, ``network_[1]`` the decoder: lamella models.
    loss_curve_, loss_, best_loss_, validation_scores_, n_iter_, t_, history_
        As those of :class:`MLPClassifier`. The score of held-out rows is the negative loss.
    coefs_, intercepts_ : lists of ndarray
        Of the encoder's dense layers, then of the decoder's: views, and with tied weights of the same memory.
    n_features_in_, feature_names_in_, n_layers_

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> x = load_digits(return_X_y=True)[0] / 16
    >>> coder = Autoencoder(16, (64,), loss="binary_cross_entropy", tol=0.5, random_state=0).fit(x)
    >>> coder.transform(x).shape
    (1797, 16)
    >>> odd = coder.reconstruction_error(x).argsort()[-10:]
    """

    monitor = "loss"

    def __init__(
        self,
        n_components: int = 8,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        code_activation: Any = "identity",
        *,
        loss: Any = "squared_error",
        tied: bool = False,
        noise: float = 0.0,
        masking: float = 0.0,
        sparsity_l1: float = 0.0,
        sparsity_kl: float = 0.0,
        sparsity_target: float = 0.05,
        pretrain_iter: int = 0,
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
        dropout: Any = 0.0,
        batch_norm: bool = False,
        l1: float = 0.0,
        max_norm: float | None = None,
        init: Any = "auto",
        solver_params: Any = None,
        restore_best: bool = True,
        callbacks: Any = None,
        dtype: str | None = None,
        n_jobs: int | None = None,
    ) -> None:
        keep_arguments(self, locals())

    def _check_parameters(self, where: str) -> None:
        check_loss(where, self.loss, _LOSSES)
        _check.integer(where, "n_components", self.n_components, 1)
        activation_of(where, self.code_activation)
        flag(where, "tied", self.tied)
        for name in ("noise", "sparsity_l1", "sparsity_kl"):
            _check.number(where, name, getattr(self, name), 0)
        _check.number(where, "masking", self.masking, 0, 1, open_end=True)
        nn.Sparsity(target=self.sparsity_target)
        _check.integer(where, "pretrain_iter", self.pretrain_iter, 0)
        if self.pretrain_iter > 0 and self.batch_norm:
            raise ValueError(f"[{where}] pretrain_iter is {self.pretrain_iter} but batch_norm is True: choose one")
        if self.solver == LBFGS:
            for name in ("noise", "masking", "pretrain_iter"):
                if getattr(self, name) > 0:
                    raise ValueError(
                        f"[{where}] {name} is {getattr(self, name)} but there is none with solver {LBFGS!r}"
                    )
        if self.sparsity_kl > 0 and not isinstance(activation_of(where, self.code_activation), nn.Sigmoid):
            raise ValueError(
                f"[{where}] sparsity_kl is {self.sparsity_kl} but code_activation is {self.code_activation!r}: it must "
                'be "logistic"'
            )

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=reset)
        return X, X

    def _learn_targets(self, y: Any, classes: Any) -> None:
        """They are the input."""

    def _check_targets(self, y: Any) -> None:
        """They are the input."""

    def _make_loss(self) -> Loss:
        return copy.copy(self.loss) if isinstance(self.loss, Loss) else _LOSSES[self.loss]()

    def _outputs(self, loss: Loss) -> int:
        return int(self.n_features_in_)

    def _targets(self, loss: Loss, y: Any) -> Array:
        if loss.takes_logits and (y.min() < 0 or y.max() > 1):
            raise ValueError(
                f"[{type(self).__name__}] X reaches from {y.min():g} to {y.max():g} but must be in [0, 1] for loss "
                f"{self.loss!r} (MinMaxScaler makes it so)"
            )
        return np.asarray(y)

    def _make_network(self, inputs: int, outputs: int, seed: int, dtype: str) -> nn.Sequential:
        return make_mirror(type(self).__name__, self, inputs, seed, dtype)

    def _start(self, learner: Learner, rows: Rows) -> None:
        if self.pretrain_iter > 0:
            x, _, weight = rows.parts()
            pretrain(type(self).__name__, self, learner.model, x, weight)

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, validation_data: Any = None) -> Any:
        """Train encoder and decoder.

        Parameters
        ----------
        X : array-like, (n, features)
        y : ignored
        sample_weight : array-like, (n,), optional
            What each row counts.
        validation_data : array-like, (n, features); or (X, sample_weight), optional
            Measured after each epoch; with ``early_stopping`` it decides when to stop, in the place of a part of X.

        Returns
        -------
        self
        """
        if validation_data is not None:
            X_held, *weight = validation_data if isinstance(validation_data, tuple) else (validation_data,)
            validation_data = (X_held, None, *weight)
        return self._fit(X, None, sample_weight, validation_data, incremental=False)

    @steppable
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Go on by one epoch over these rows.

        Parameters
        ----------
        X : array-like, (n, features)
        y : ignored
        sample_weight : array-like, (n,), optional

        Returns
        -------
        self
        """
        return self._fit(X, None, sample_weight, None, incremental=True)

    def transform(self, X: Any) -> Array:
        """The codes of rows.

        Parameters
        ----------
        X : array-like, (n, features)

        Returns
        -------
        ndarray, (n, n_components)
        """
        return self._run(self._part(0), self._features(X))

    def inverse_transform(self, X: Any) -> Array:
        """The rows that codes stand for.

        Parameters
        ----------
        X : array-like, (n, n_components)

        Returns
        -------
        ndarray, (n, features)
            With "binary_cross_entropy" probabilities.
        """
        decoder = self._part(1)
        X = check_array(X, dtype=(np.float64, np.float32))
        width = self._n_features_out
        if X.shape[1] != width:
            raise ValueError(
                f"[{type(self).__name__}.inverse_transform] X has {X.shape[1]} columns but codes have {width}"
            )
        return self._learner.loss.probabilities(self._run(decoder, X))

    def reconstruct(self, X: Any) -> Array:
        """What is left of rows that go through the code: ``inverse_transform(transform(X))``.

        Parameters
        ----------
        X : array-like, (n, features)

        Returns
        -------
        ndarray, (n, features)
        """
        check_is_fitted(self)
        return self._learner.loss.probabilities(self._run(self._learner.model, self._features(X)))

    def reconstruction_error(self, X: Any) -> Array:
        """How badly each row is restored: large for rows unlike those that were learned from.

        Parameters
        ----------
        X : array-like, (n, features)

        Returns
        -------
        ndarray, (n,)
            The mean over features: of (x̂ - x)² for squared errors, else of the loss.
        """
        check_is_fitted(self)
        X = self._features(X)
        loss = copy.copy(self._learner.loss)
        loss.reduction = "none"
        if isinstance(loss, nn.MSELoss):
            loss.half = False
        losses: Array = loss(self._run(self._learner.model, X), self._targets(loss, X))
        errors: Array = losses.reshape(len(X), -1).mean(axis=1)
        return errors

    def score_samples(self, X: Any) -> Array:
        """The negative :meth:`reconstruction_error`: low for anomalies, as scikit-learn's detectors have it.

        Parameters
        ----------
        X : array-like, (n, features)

        Returns
        -------
        ndarray, (n,)
        """
        return -self.reconstruction_error(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The mean of :meth:`score_samples`, for a search: the higher the better.

        Parameters
        ----------
        X : array-like, (n, features)
        y : ignored
        sample_weight : array-like, (n,), optional

        Returns
        -------
        float
        """
        return float(np.average(self.score_samples(X), weights=sample_weight))

    def _features(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=False)

    def _run(self, part: nn.Module, X: Array) -> Array:
        """What it gives."""
        with at_most(check_jobs(type(self).__name__, self.n_jobs)):
            return part.predict(X)

    def _part(self, number: int) -> nn.Module:
        """Encoder or decoder."""
        check_is_fitted(self)
        return self._learner.model.layers[number]

    @property
    def _n_features_out(self) -> int:
        """For get_feature_names_out."""
        width = self._part(1).input_width()
        assert width is not None
        return width

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
