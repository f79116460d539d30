"""How the models of a search are made and trained."""

import weakref
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.nn.module import Module
from lamella.population.folds import fold_rows, given_folds
from lamella.population.member import Recipe
from lamella.trainer.options import Options
from lamella.trainer.samples import Samples, held_out_parts
from lamella.trainer.tables import Tables
from lamella.trainer.trainer import Trainer
from lamella.trainer.training import Training
from lamella.tuning.draw import Settings
from lamella.tuning.routing import FIT, Routing

#: What differs between trials, or is for one training alone.
_OWN = {"where", "epochs", "on_epoch", "callbacks", "schedule", "monitor"}

#: What Trainer and Trainer.fit take that all trials may share.
_SHARED = {option.name for option in fields(Options)} - _OWN | set(FIT)


class Plan:
    """Makes the trainings of trials; arguments are :func:`lamella.tuning.search`'s, under their names there."""

    def __init__(
        self,
        factory: Callable[..., Module],
        x: Any,
        y: Any,
        *,
        loss: Any,
        optimizer: Any,
        schedule: Any,
        validation_data: Any,
        cv: Any,
        sample_weight: Any,
        monitor: str,
        seed: int,
        options: Settings,
        where: str,
    ) -> None:
        self._factory, self._loss, self._optimizer, self._schedule = factory, loss, optimizer, schedule
        self.routing = Routing(factory, optimizer, loss, schedule, where)
        unknown = [name for name in options if name not in _SHARED]
        if unknown:
            raise TypeError(
                f"[{where}] there is no argument {unknown[0]!r}; what fit takes for all trials is "
                f"{', '.join(sorted(_SHARED))}"
            )
        if validation_data is not None and cv is not None:
            raise ValueError(f"[{where}] validation_data and cv are given, but only one can be")
        self._tables = Tables(x, y, sample_weight, 1, True, where)
        self._held: Tables | None = None
        if validation_data is not None:
            self._held = Tables(*held_out_parts(validation_data, where), 1, False, f"{where} validation_data")
        self._cv = 5 if cv is None else cv
        self._folds: list[tuple[Array, Array]] | None = None
        self._given: weakref.WeakSet[Module] = weakref.WeakSet()  # all layers of all models so far
        self.monitor, self._seed, self._options, self._where = monitor, seed, options, where

    def split(self, settings: Settings, seed: int) -> int:
        """Deal the rows to folds, by a first model; their number."""
        if self._held is not None:
            return 1
        samples = self._tables.of(self._trainer(settings, seed), 0)
        n = len(samples)
        folds = given_folds(self._cv, n, samples.target, self._where)
        self._folds = fold_rows(folds, n, samples.target, self._seed, self._where)
        return len(self._folds)

    def training(self, settings: Settings, seed: int, fold: int, epochs: int) -> Training:
        """Of the model of one fold."""
        trainer = self._trainer(settings, seed)
        samples = self._tables.of(trainer, 0)
        if self._held is not None:
            held = self._held.of(trainer, 0)
        else:
            assert self._folds is not None
            train, test = self._folds[fold]
            held = replace(samples, rows=test)
            samples = replace(samples, rows=train)
        training = Training(trainer, samples, held, self._fit_options(trainer, settings, epochs))
        training.check_monitor()
        return training

    def final_training(self, settings: Settings, seed: int, epochs: int) -> Training:
        """Of a model that learns from all rows, and is measured on none."""
        trainer = self._trainer(settings, seed)
        samples = self._tables.of(trainer, 0)
        if self._held is not None:
            samples = _joined(samples, self._held.of(trainer, 0))
        options = self._fit_options(trainer, settings, epochs)
        options.patience = None
        if options.schedule is None or not options.schedule.watches:
            options.monitor = Options.monitor  # nobody looks at it
        return Training(trainer, samples, None, options)

    def _trainer(self, settings: Settings, seed: int) -> Trainer:
        routed = self.routing.route(settings)

        def make(number: int) -> Module:
            model = self._factory(**routed.model)
            if isinstance(model, Module):
                self._check_new(model)
                if model.seed is None:
                    model.seed = seed
            return model

        def alone(own: Settings) -> dict[str, list[Any]]:
            return {name: [value] for name, value in own.items()}

        recipe = Recipe(
            make,
            1,
            None,
            self._loss,
            alone(routed.loss),
            self._optimizer,
            alone(routed.optimizer),
            alone(routed.layers),
            [self._of_fit(routed.fit).get("accumulate", 1)],
            self._where,
        )
        return recipe.make(0).trainer

    def _check_new(self, model: Module) -> None:
        layers = [layer for _, layer in model.named_modules()]
        if any(layer in self._given for layer in layers):
            raise ValueError(
                f"[{self._where}] factory gave a model, or one with a layer, that it gave before: it must make a new "
                "one each time"
            )
        self._given.update(layers)

    def _of_fit(self, own: Settings) -> Settings:
        return {**self._options, **own}

    def _fit_options(self, trainer: Trainer, settings: Settings, epochs: int) -> Options:
        routed = self.routing.route(settings)
        schedule = None if self._schedule is None else self._schedule(trainer.optimizer, **routed.schedule)
        options = self._of_fit(routed.fit)
        options.pop("accumulate", None)
        return Options(where=self._where, epochs=epochs, schedule=schedule, monitor=self.monitor, **options)


def _joined(first: Samples, second: Samples) -> Samples:
    weight = None
    if first.weight is not None or second.weight is not None:
        parts = [np.ones(len(each.x), each.x.dtype) if each.weight is None else each.weight for each in (first, second)]
        weight = np.concatenate(parts)
    x, target = (np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("x", "target"))
    return Samples(x, target, weight)
