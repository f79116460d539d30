"""Models that predict together."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.ensemble import file as ensemble_file
from lamella.ensemble.combine import Combination, check_sum, checked_weights, combination, scores
from lamella.ensemble.outputs import in_blocks, outputs_of
from lamella.ensemble.stacking import LinearStack, fit_stack
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.trainer.samples import samples_of


class Ensemble:
    """Models whose predictions are made one: averaged, voted on, or stacked by a linear model.

    It holds no more than what predictions take, and goes into one file, a pickle or a copy.

    Parameters
    ----------
    models : sequence of Module
        The same number of outputs each. They are not copied.
    loss : Loss, or sequence of Loss
        What they were trained on, which says what outputs mean.
    combine : "mean", "vote" or LinearStack, default "mean"
        "mean": of their probabilities where the loss tells them (a softmax's, a sigmoid's), else of their outputs.
        "vote": what most of them decide. A LinearStack is made by :meth:`stack`.
    weights : array-like, (models,), optional
        What each counts in a mean or a vote: finite, at least 0, not all 0. By default all count once.

    Raises
    ------
    ValueError
        If there is no model, or not one loss and one weight a model.

    Examples
    --------
    >>> ensemble = pop.ensemble()
    >>> ensemble.evaluate(xv, yv)
    >>> ensemble.save("ensemble.safetensors")
    >>> lm.Ensemble.load("ensemble.safetensors").decide(x)
    """

    def __init__(
        self,
        models: Sequence[Module],
        loss: Loss | Sequence[Loss],
        combine: str | LinearStack = "mean",
        weights: Any = None,
    ) -> None:
        where = type(self).__name__
        self._models = list(models)
        if not self._models:
            raise ValueError(f"[{where}] models is empty")
        losses = [loss] * len(self._models) if isinstance(loss, Loss) else list(loss)
        for name, kind, items in (("models", Module, self._models), ("loss", Loss, losses)):
            for item in items:
                if not isinstance(item, kind):
                    raise TypeError(f"[{where}] {name} has {item!r:.80} but must be a {kind.__name__}, or several")
        if len(losses) != len(self._models):
            raise ValueError(f"[{where}] loss has {len(losses)} losses but there are {len(self._models)} models")
        self._losses = losses
        if isinstance(combine, LinearStack):
            if weights is not None:
                raise ValueError(f"[{where}] weights are given but combine is a LinearStack, which has its own")
            if len(combine.groups) != len(self._models):
                raise ValueError(f"[{where}] combine is of {len(combine.groups)} models, not {len(self._models)}")
        self._combination: Combination = combine if isinstance(combine, LinearStack) else combination(combine, where)
        self._weights = check_sum(checked_weights(weights, len(self), where), range(len(self)), where)

    def __len__(self) -> int:
        return len(self._models)

    def __getitem__(self, number: int) -> Module:
        """That model itself."""
        return self._models[number]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._models)

    @property
    def losses(self) -> list[Loss]:
        """Of each model."""
        return list(self._losses)

    @property
    def combine(self) -> str | LinearStack:
        """How predictions are made one."""
        own = self._combination
        return own if isinstance(own, LinearStack) else own.name

    @property
    def weights(self) -> Array:
        """(models,) what each counts."""
        own: Array = self._weights.copy()
        return own

    def outputs(self, x: Any, batch_size: int = 1024) -> Array:
        """Outputs of each model in evaluation mode.

        Parameters
        ----------
        x : array-like, (n, features)
        batch_size : int, default 1024
            Rows a block.

        Returns
        -------
        ndarray, (models, n, outputs)
        """
        return outputs_of(self._models, x, batch_size, "Ensemble.outputs")

    def predict(self, x: Any, batch_size: int = 1024) -> Array:
        """The combined prediction.

        Parameters
        ----------
        x : array-like, (n, features)
        batch_size : int, default 1024
            Rows a block.

        Returns
        -------
        ndarray
            (n, outputs) probabilities or values; of a vote (n,) classes, or (n, outputs) answers.
        """
        return self._said(x, batch_size, "Ensemble.predict")

    def _said(self, x: Any, batch_size: int, where: str) -> Array:
        def said(outputs: Array, rows: slice) -> Array:
            return self._combination.said(outputs, self._losses, self._weights)

        return in_blocks(self._models, x, batch_size, where, said)

    def decide(self, x: Any, batch_size: int = 1024) -> Array:
        """What the combined prediction comes to, as ``loss.decide`` has it.

        Parameters
        ----------
        x : array-like, (n, features)
        batch_size : int, default 1024
            Rows a block.

        Returns
        -------
        ndarray
            (n,) classes, or (n, outputs) answers (yes or no) or values.
        """
        return self._combination.decide(self._said(x, batch_size, "Ensemble.decide"), self._losses[0])

    def evaluate(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Loss and score of the combined prediction, by the first model's loss.

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
            Targets, as the loss takes them.
        sample_weight : array-like, (n,), optional

        Returns
        -------
        dict
            "loss" and the loss's score, such as "accuracy"; of a vote, which has no loss, the score.
        """
        where = "Ensemble.evaluate"
        model, loss = self._models[0], self._losses[0]
        samples = samples_of(model, loss, x, y, sample_weight, where)
        said = self._said(x, 1024, where)
        return scores(self._combination, said, loss, samples.target, samples.weight, model, samples.x.shape[1])

    def stack(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        kind: str = "linear",
        alpha: float = 1.0,
        groups: Sequence[Any] | None = None,
    ) -> "Ensemble":
        """The same models, combined by what is best on data that they have not learned from (Wolpert 1992).

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
            Targets, as the loss takes them.
        sample_weight : array-like, (n,), optional
        kind : "linear" or "convex", default "linear"
            "linear": a linear model on the members' predictions: ridge regression for MSELoss, logistic regression for
            the losses of classes and of yes or no, else of the least loss. "convex": a weight for each model, none
            negative and one together (Breiman 1996), for MSELoss, CrossEntropyLoss, NLLLoss and BCEWithLogitsLoss.
        alpha : float, at least 0, default 1
            Penalty on the linear model's weights W: alpha |W|^2 beside a sum of squares, alpha / 2 |W|^2 beside the sum
            of any other loss, as scikit-learn's Ridge and LogisticRegression (C = 1 / alpha) have it.
        groups : sequence, optional
            A label for each model: those of one label count as one, by their mean. By default each counts by itself.

        Returns
        -------
        Ensemble
            Of the same models, not copied.
        """
        where = "Ensemble.stack"
        weights = np.ones((len(self), 1))
        combine, found = fit_stack(self._models, self._losses, x, y, sample_weight, weights, groups, kind, alpha, where)
        return Ensemble(self._models, self._losses, combine, found)

    def save(self, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None) -> None:
        """Write all to one safetensors file, atomically.

        Parameters
        ----------
        path : str or path
        metadata : mapping, optional
            Anything JSON can hold, for :func:`lamella.load_metadata`.

        Raises
        ------
        TypeError
            If ``metadata`` does not go into JSON, or a loss is not one of lamella's.
        """
        ensemble_file.save(path, self._models, self._losses, self._combination, self._weights, metadata)

    @staticmethod
    def load(path: str | os.PathLike[str], layers: Mapping[str, Callable[[], Any]] | None = None) -> "Ensemble":
        """Read what :meth:`save` wrote; no pickle: it runs no code.

        Parameters
        ----------
        path : str or path
        layers : mapping of str to callable, optional
            For layers in Python: the class's name to what makes the object.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged, or no ensemble's.
        """
        return Ensemble(*ensemble_file.load(path, layers))

    def __repr__(self) -> str:
        parameters = sum(model.num_parameters for model in self._models)
        return f"Ensemble({len(self)} models of {parameters:,} parameters together; combine={self._combination.name!r})"
