"""Many models that are trained in one call."""

import contextlib
import copy
import operator
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.ensemble.combine import check_sum, checked_weights, combination
from lamella.ensemble.ensemble import Ensemble
from lamella.ensemble.outputs import in_blocks, in_groups, outputs_of
from lamella.ensemble.stacking import LinearStack, fit_stack
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule import LRScheduler
from lamella.population.history import PopulationHistory, final, order
from lamella.population.member import Factory, Member, Recipe
from lamella.population.out_of_bag import OutOfBag, out_of_bag, unseen
from lamella.population.plan import FitPlan
from lamella.population.rows import Choice
from lamella.population.side_by_side import run_side_by_side
from lamella.trainer.divergence import CutOnDivergence, DivergenceError
from lamella.trainer.order import Sampling
from lamella.trainer.tables import Tables
from lamella.trainer.training import Training

#: Called after each epoch of each model as (model, epoch, record); True ends that model's training.
OnModelEpoch = Callable[[int, int, dict[str, float]], bool | None]


class Population:
    """Models that are trained side by side in one call, each with settings of its own.

    Each thread takes one model at a time and trains it for as long as nothing in Python has a say, its weights in that
    core's cache, without waiting for the others. Model k has the same bits as the same model trained alone by a
    :class:`Trainer` with the same seed and settings, for any number of threads and of models. Models that are large
    enough to gain more from all threads together are trained one after the other.

    Wherever a number may differ by model, an array or list has one a model, and a number is shared by all.

    Parameters
    ----------
    factory : callable, or list of callables
        Makes a new model; if it takes an argument, that is the model's number. A list makes models of several
        architectures, in turns: the model of number k by ``factory[k % len(factory)]``.
    n : int
        Models; by default as many as there are in a list of factories.
    seeds : sequence of int, optional
        Of first weights, dropout and order, in place of the models' own; where they have none, their numbers.
    loss : Loss, or class or function that makes one
    loss_settings : mapping, optional
        Arguments of the loss: ``{"label_smoothing": [...]}``. ``weight``, ``pos_weight`` and ``quantiles`` of a model
        are arrays: a row for each model, or one for all.
    optimizer : class or function
        Called with each model's parameters and its settings.
    settings : mapping, optional
        Arguments of the optimizer: ``{"lr": rates, "betas": [(0.9, 0.999), ...]}``.
    dropout : number or sequence, optional
        The rate of all :class:`nn.Dropout` layers: as ``layer_settings={"Dropout.p": ...}``.
    layer_settings : mapping, optional
        Settings of layers, by their class or their place in the model: ``{"GaussianNoise.std": [...], "2.p": 0.1}``.
    accumulate : int or sequence, default 1
        See :class:`Trainer`.
    precision : None, "bf16" or "bf16-emulated"
        Of all models' products, see :class:`Trainer`.

    Raises
    ------
    ValueError
        If a sequence has not one value a model, a setting does not exist or is out of range, or a single factory makes
        models of different architectures.

    Examples
    --------
    >>> pop = lm.Population(
    ...     lambda: nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
    ...     n=256, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam, settings={"lr": np.logspace(-4, -1, 256)},
    ... )
    >>> pop.fit(x, y, epochs=50, validation_data=(xv, yv), patience=5)
    >>> pop.best()
    """

    def __init__(
        self,
        factory: Factory | Sequence[Factory],
        n: int | None = None,
        *,
        loss: Loss | Callable[..., Loss],
        optimizer: Callable[..., Optimizer],
        seeds: Iterable[int] | None = None,
        settings: Mapping[str, Any] | None = None,
        loss_settings: Mapping[str, Any] | None = None,
        dropout: Any = None,
        layer_settings: Mapping[str, Any] | None = None,
        accumulate: Any = 1,
        precision: str | None = None,
    ) -> None:
        where = type(self).__name__
        layers: dict[str, Any] = {} if dropout is None else {"Dropout.p": dropout}
        if layer_settings is not None:
            if not isinstance(layer_settings, Mapping):
                raise TypeError(
                    f"[{where}] layer_settings is {layer_settings!r:.80} but must be a mapping of names to values"
                )
            layers.update(layer_settings)
        recipe = Recipe(
            factory, n, seeds, loss, loss_settings, optimizer, settings, layers, accumulate, where, precision
        )
        self._members = [recipe.make(number) for number in range(recipe.n)]

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, number: int) -> Module:
        """A copy of that model, which shares no memory with the population."""
        return copy.deepcopy(self._member(number).trainer.model)

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.population(self)

    def _member(self, number: Any) -> Member:
        try:
            index = operator.index(number)
        except TypeError:
            raise TypeError(f"[Population] the number of a model is {number!r:.80} but must be an integer") from None
        if not -len(self) <= index < len(self):
            raise IndexError(f"[Population] there is no model {index} among {len(self)}")
        member = self._members[index]
        if member.out == "dropped":
            raise ValueError(f"[Population] model {index} was dropped")
        return member

    @property
    def active(self) -> list[int]:
        """Numbers of the models that take part: neither diverged nor dropped."""
        return [member.number for member in self._members if member.out is None]

    @property
    def diverged(self) -> dict[int, str]:
        """Models whose loss became NaN or infinite, and what was said of it."""
        return {member.number: member.reason for member in self._members if member.out == "diverged"}

    @property
    def seeds(self) -> list[int]:
        """Of each model."""
        return [member.seed for member in self._members]

    @property
    def history(self) -> PopulationHistory:
        """Of all calls of :meth:`fit`."""
        return PopulationHistory([member.history for member in self._members], self.diverged)

    def drop(self, models: Iterable[int]) -> None:
        """Take models out for good; their memory is freed, their histories stay.

        Parameters
        ----------
        models : sequence of int
            Their numbers.
        """
        for member in self._numbered(models, "Population.drop"):
            member.drop()

    def _numbered(self, models: Iterable[int], where: str) -> list[Member]:
        if isinstance(models, str) or not isinstance(models, Iterable):
            raise TypeError(f"[{where}] models is {models!r:.80} but must be a sequence of integers")
        return [self._member(number) for number in models]

    def _chosen(self, models: Iterable[int] | None, where: str) -> list[Member]:
        """Members to work with: those given, which must take part, or all that do."""
        if models is None:
            chosen = [member for member in self._members if member.out is None]
            if not chosen:
                raise ValueError(f"[{where}] no model is left: all have diverged or been dropped")
            return chosen
        chosen = self._numbered(models, where)
        if not chosen:
            raise ValueError(f"[{where}] models is empty")
        for member in chosen:
            if member.out is not None:
                raise ValueError(f"[{where}] model {member.number} has {member.out}")
        if len({member.number for member in chosen}) < len(chosen):
            raise ValueError(f"[{where}] models names one twice")
        return chosen

    def fit(
        self,
        x: Any,
        y: Any,
        epochs: Any = 1,
        batch_size: Any = 32,
        validation_data: tuple[Any, ...] | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        on_epoch: OnModelEpoch | None = None,
        sample_weight: Any = None,
        *,
        samples: Choice = "shared",
        validation_samples: Choice | None = None,
        schedule: Callable[..., LRScheduler] | None = None,
        schedule_settings: Mapping[str, Any] | None = None,
        unit: str | None = None,
        monitor: str = "val_loss",
        patience: Any = None,
        min_delta: Any = 0.0,
        restore_best: bool = True,
        on_divergence: CutOnDivergence | None = None,
        mixup: Any = None,
        sampling: Sampling = None,
        progress: bool = False,
        models: Iterable[int] | None = None,
    ) -> PopulationHistory:
        """Train all models that take part, each as :meth:`Trainer.fit` does.

        Parameters
        ----------
        x : array-like, (n, features)
            Converted and checked once for all models.
        y : array-like
        epochs, batch_size : int or sequence of int, default 1 and 32
            The same for all, or one a model.
        validation_data : (x, y) or (x, y, sample_weight), optional
            The same for all models.
        shuffle, drop_last : bool, default True and False
            As for :meth:`Trainer.fit`.
        on_epoch : callable, optional
            Called as ``on_epoch(model, epoch, record)`` after each epoch of each model, by the thread that trains it:
            calls of several threads may interleave, so lock what they share. True ends that model's training.
        sample_weight : array-like, (n,) or (models, n), optional
        samples : "shared", "bootstrap", "stratified" or sequence, default "shared"
            Which rows each model learns from: all; as many drawn with replacement, from all or from each class, a
            function of its seed; or row numbers (or a mask) for each model.
        validation_samples : "rest" or sequence, optional
            Rows of x that each model is measured on, in place of ``validation_data``: those that it does not learn from
            (out of bag), or row numbers for each.
        schedule : class or function, optional
            Called with each model's optimizer and its ``schedule_settings``.
        schedule_settings : mapping, optional
            Arguments of the schedule, such as ``{"gamma": [...]}``.
        unit, monitor, restore_best, on_divergence, sampling
            As for :meth:`Trainer.fit`.
        patience, min_delta, mixup : number or sequence, optional
            As for :meth:`Trainer.fit`; the same for all, or one a model.
        progress : bool, default False
            Show the epochs of all models together: a bar in a terminal or a notebook, some lines elsewhere.
        models : sequence of int, optional
            Train these alone. Sequences of numbers still have one for each model of the population.

        Returns
        -------
        PopulationHistory
            Of this call.

        Raises
        ------
        ValueError
            If anything does not fit; nothing is trained then.
        DivergenceError
            If the losses of all models became NaN or infinite. Of some: they are left out from then on, with a warning.
        KeyboardInterrupt
            By Ctrl-C: each model ends after its present step, as it is then.
        """
        where = "Population.fit"
        chosen = self._chosen(models, where)
        plan = FitPlan(
            count=len(self),
            seeds=self.seeds,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            drop_last=drop_last,
            on_epoch=on_epoch,
            samples=samples,
            validation_samples=validation_samples,
            schedule=schedule,
            schedule_settings=schedule_settings,
            unit=unit,
            monitor=monitor,
            patience=patience,
            min_delta=min_delta,
            restore_best=restore_best,
            on_divergence=on_divergence,
            mixup=mixup,
            sampling=sampling,
            progress=progress,
            where=where,
        )
        plan.take(x, y, sample_weight, validation_data, chosen[0])
        made = plan.trainings(chosen)
        trainings = {id(t): (member, t) for member, t in zip(chosen, made, strict=True)}
        found = PopulationHistory([t.history for t in made], models=[member.number for member in chosen])
        for member in chosen:
            member.learned = plan.learned(member)

        def over(training: Training, error: DivergenceError | None) -> list[Training]:
            if error is not None:
                member = trainings[id(training)][0]
                member.diverge(str(error))
                if member.out == "diverged":
                    found.diverged[member.number] = str(error)
            plan.over(training)
            return []

        with plan.shown or contextlib.nullcontext():
            run_side_by_side(plan.largest_first(made), over)
        self._report(found, len(chosen), where)
        return found

    def _report(self, found: PopulationHistory, count: int, where: str) -> None:
        if not found.diverged:
            return
        first = next(iter(found.diverged.values()))
        if len(found.diverged) == count:
            raise DivergenceError(f"[{where}] all {count} models diverged; one of them: {first}")
        named = ", ".join(map(str, sorted(found.diverged)[:8])) + (", ..." if len(found.diverged) > 8 else "")
        text = f"[{where}] {len(found.diverged)} of {count} models diverged and are left out: {named}"
        warnings.warn(f"{text}; one of them: {first}", stacklevel=3)

    def outputs(self, x: Any, batch_size: int = 1024, models: Iterable[int] | None = None) -> Array:
        """Outputs of each model in evaluation mode.

        Parameters
        ----------
        x : array-like, (n, features)
        batch_size : int, default 1024
            Rows a block.
        models : sequence of int, optional
            Of these alone; by default of all that take part.

        Returns
        -------
        ndarray, (models, n, outputs)
        """
        where = "Population.outputs"
        return outputs_of(_models(self._chosen(models, where)), x, batch_size, where)

    def predict(
        self,
        x: Any,
        combine: str | None = "mean",
        batch_size: int = 1024,
        models: Iterable[int] | None = None,
        weights: Any = None,
    ) -> Array:
        """Predictions of all models that take part, combined.

        Parameters
        ----------
        x : array-like, (n, features)
        combine : "mean", "vote" or None, default "mean"
            "mean": of their probabilities where the loss tells them (a softmax's, a sigmoid's), else of their outputs.
            "vote": what most of them decide. None: :meth:`outputs` of each.
        batch_size : int, default 1024
            Rows a block.
        models : sequence of int, optional
            These alone: ``models=pop.ranking()[:5]``.
        weights : array-like, (models,), optional
            What each of these models counts in the mean or the vote: finite and at least 0. By default all count once.

        Returns
        -------
        ndarray
            "mean": (n, outputs); "vote": (n,) classes, or (n, outputs) answers; None: (models, n, outputs).
        """
        where = "Population.predict"
        if combine not in ("mean", "vote", None):
            raise ValueError(f'[{where}] combine is {combine!r} but must be "mean", "vote" or None')
        chosen = self._chosen(models, where)
        if combine is None:
            if weights is not None:
                raise ValueError(f"[{where}] weights are given but combine is None")
            return outputs_of(_models(chosen), x, batch_size, where)
        way, losses, counts = combination(combine, where), _losses(chosen), self._weights(weights, chosen, where)
        return in_blocks(_models(chosen), x, batch_size, where, lambda o, rows: way.said(o, losses, counts))

    def _weights(self, given: Any, chosen: list[Member], where: str) -> Array:
        """Of the chosen models."""
        return check_sum(checked_weights(given, len(chosen), where), [member.number for member in chosen], where)

    def ensemble(self, models: Iterable[int] | None = None, combine: str = "mean", weights: Any = None) -> Ensemble:
        """Copies of models that predict together, without the population and its optimizers: to be kept, or saved.

        Parameters
        ----------
        models : sequence of int, optional
            Of these alone; by default of all that take part.
        combine : "mean" or "vote", default "mean"
        weights : array-like, (models,), optional
            As for :meth:`predict`.
        """
        where = "Population.ensemble"
        chosen = self._chosen(models, where)
        return _ensemble(chosen, combine, self._weights(weights, chosen, where))

    def out_of_bag(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        combine: str = "mean",
        models: Iterable[int] | None = None,
        weights: Any = None,
    ) -> OutOfBag:
        """Each row predicted by the models that did not learn from it in their last :meth:`fit` (Breiman 1996).

        Parameters
        ----------
        x : array-like, (n, features)
            That of the fit.
        y : array-like, optional
            Targets, for the score.
        sample_weight : array-like, (n,), optional
            For the score.
        combine : "mean" or "vote", default "mean"
        models : sequence of int, optional
            Of these alone; by default of all that take part.
        weights : array-like, (models,), optional
            As for :meth:`predict`.

        Raises
        ------
        ValueError
            If a model was not trained yet, or on another number of rows; or if all learned from all rows.
        """
        where = "Population.out_of_bag"
        chosen = self._chosen(models, where)
        return out_of_bag(chosen, x, y, sample_weight, combine, self._weights(weights, chosen, where), where)

    def stack(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        out_of_bag: bool = False,
        kind: str = "linear",
        alpha: float = 1.0,
        groups: Sequence[Any] | None = None,
        models: Iterable[int] | None = None,
    ) -> Ensemble:
        """Copies of models, combined by what is best on data that they have not learned from (Wolpert 1992).

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
        sample_weight : array-like, (n,), optional
        out_of_bag : bool, default False
            x and y are what the models learned from: a group's prediction of a row is that of its models that did not
            learn from this row in their last fit. Rows of which a group can say nothing are left out.
        kind : "linear" or "convex", default "linear"
            See :meth:`Ensemble.stack`.
        alpha : float, at least 0, default 1
            See :meth:`Ensemble.stack`.
        groups : sequence, (models,), optional
            A label for each of these models: those of one label count as one, by their mean. By default each model by
            itself; out of bag those of one factory together.
        models : sequence of int, optional
            Of these alone; by default of all that take part.
        """
        where = "Population.stack"
        chosen = self._chosen(models, where)
        bag = _check.flag(where, "out_of_bag", out_of_bag)
        counts = unseen(chosen, x, where) if bag else np.ones((len(chosen), 1))
        own: list[Any] = [m.factory if bag else m.number for m in chosen] if groups is None else list(groups)
        if len(own) != len(chosen):
            raise ValueError(f"[{where}] groups has {len(own)} labels but there are {len(chosen)} models")
        found = fit_stack(_models(chosen), _losses(chosen), x, y, sample_weight, counts, own, kind, alpha, where)
        return _ensemble(chosen, *found)

    def evaluate(
        self, x: Any, y: Any, sample_weight: Any = None, models: Iterable[int] | None = None
    ) -> dict[str, Array]:
        """Loss and score of each model in evaluation mode.

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
        sample_weight : array-like, (n,) or (models, n), optional
        models : sequence of int, optional
            Of these alone; by default of all that take part.

        Returns
        -------
        dict
            "loss" and the loss's score, such as "accuracy": a value for each model.
        """
        where = "Population.evaluate"
        chosen = self._chosen(models, where)
        tables = Tables(x, y, sample_weight, len(self), False, where)
        samples = [tables.of(member.trainer, member.number) for member in chosen]
        found = []
        for begin, outputs in in_groups(_models(chosen), x, where):
            some = slice(begin, begin + len(outputs))
            for member, own, each in zip(chosen[some], outputs, samples[some], strict=True):
                found.append(member.trainer.loss.evaluate(own, each.target, each.weight))
        losses, scores = zip(*found, strict=True)
        return {"loss": np.array(losses), chosen[0].trainer.loss.score_name: np.array(scores)}

    def final(self, key: str | None = None) -> Array:
        """What each model came to: a quantity of the history at its best epoch, or its last.

        Parameters
        ----------
        key : str, optional
            By default "val_loss" if there is one, else "loss".

        Returns
        -------
        ndarray, (len(self),)
            NaN for models that diverged or were dropped.
        """
        histories = [member.history for member in self._members]
        values = final(histories, self._key(key))
        values[[member.out is not None for member in self._members]] = np.nan
        return values

    def _key(self, key: str | None) -> str:
        known = self.history.keys()
        if not known:
            raise ValueError("[Population] the models have not been trained: call fit() first")
        if key is None:
            return "val_loss" if "val_loss" in known else "loss"
        if key not in known:
            raise ValueError(f"[Population] there is no {key!r} in the history; it has {', '.join(known)}")
        return key

    def ranking(self, key: str | None = None) -> Array:
        """Numbers of the models that take part, best first.

        Parameters
        ----------
        key : str, optional
            Of the history, as for :meth:`final`. Accuracies are to be high, everything else low.
        """
        ranked = order(self.final(key), self._key(key))
        active = set(self.active)
        return np.array([number for number in ranked if int(number) in active], np.int64)

    def best(self, key: str | None = None) -> Module:
        """A copy of the best model, which shares no memory with the population.

        Parameters
        ----------
        key : str, optional
            As for :meth:`ranking`.

        Raises
        ------
        ValueError
            If none is left, or the history has no such key.
        """
        ranked = self.ranking(key)
        if len(ranked) == 0:
            raise ValueError("[Population] no model is left: all have diverged or been dropped")
        return self[int(ranked[0])]

    def __reduce__(self) -> Any:
        raise TypeError("[Population] a population is not copied or pickled; take models out: pop[0]")

    def __repr__(self) -> str:
        first = next((m.trainer.model for m in self._members if m.out != "dropped"), None)
        parameters = "" if first is None else f" of {first.num_parameters:,} parameters"
        out = [member.out for member in self._members if member.out is not None]
        lost = "".join(f"; {out.count(reason)} {reason}" for reason in ("diverged", "dropped") if reason in out)
        return f"Population({len(self)} models{parameters}{lost})"


def _models(members: Iterable[Member]) -> list[Module]:
    return [member.trainer.model for member in members]


def _losses(members: Iterable[Member]) -> list[Loss]:
    return [member.trainer.loss for member in members]


def _ensemble(members: Sequence[Member], combine: str | LinearStack, weights: Any) -> Ensemble:
    """Of copies."""
    return Ensemble(copy.deepcopy(_models(members)), copy.deepcopy(_losses(members)), combine, weights)
