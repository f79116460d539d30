"""The models of a population: how each is made, and what has become of it."""

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lamella._files import architecture_of
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.nn.setting import Setting
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import COMMON
from lamella.population.rows import Learned
from lamella.population.spread import spread, spread_settings
from lamella.trainer.trainer import Trainer

#: Makes a model; if it takes an argument, that is the model's number.
Factory = Callable[..., Module]


class Member:
    """One model with its trainer.

    Attributes
    ----------
    history : History
        Stays when the trainer goes.
    out : str or None
        Why it no longer takes part: "diverged" or "dropped".
    reason : str
        What was said of it.
    factory : int
        The number of the factory that made it.
    learned : Learned or None
        The rows of its last fit.
    """

    def __init__(self, number: int, seed: int, trainer: Trainer, factory: int) -> None:
        self.number, self.seed, self.factory = number, seed, factory
        self.learned: Learned | None = None
        self._trainer: Trainer | None = trainer
        self.history = trainer.history
        self.out: str | None = None
        self.reason = ""

    @property
    def trainer(self) -> Trainer:
        """While it is not dropped."""
        assert self._trainer is not None
        return self._trainer

    def diverge(self, reason: str) -> None:
        """Its loss is no longer finite; of one that was dropped meanwhile nobody wants to know."""
        if self.out is None:
            self.out, self.reason = "diverged", reason

    def drop(self) -> None:
        """Free its memory."""
        self.out, self._trainer = "dropped", None


class Recipe:
    """What makes each member of a population; its arguments are :class:`Population`'s."""

    def __init__(
        self,
        factory: Factory | Sequence[Factory],
        n: int | None,
        seeds: Iterable[int] | None,
        loss: Any,
        loss_settings: Mapping[str, Any] | None,
        optimizer: Callable[..., Optimizer],
        settings: Mapping[str, Any] | None,
        layer_settings: Mapping[str, Any],
        accumulate: Any,
        where: str,
        precision: str | None = None,
    ) -> None:
        self.where = where
        self._factories = factories(factory, where)
        self._alike = not isinstance(factory, Sequence)
        self.n = len(self._factories) if n is None and not self._alike else _check.integer(where, "n", n, 1)
        self._seeds = None if seeds is None else [_check_seed(where, s) for s in spread("seeds", seeds, self.n, where)]
        if not isinstance(loss, Loss) and not callable(loss):
            raise TypeError(f"[{where}] loss is {loss!r:.80} but must be a Loss, or what makes one")
        if not callable(optimizer):
            raise TypeError(f"[{where}] optimizer is {optimizer!r:.80} but must be a class of lamella.optim")
        self._loss, self._optimizer = loss, optimizer
        maker = type(loss) if isinstance(loss, Loss) else loss
        self._losses = spread_settings("loss_settings", loss_settings, maker, self.n, where)
        common = [*COMMON, "clip_norm"]
        self._settings = spread_settings("settings", settings, optimizer, self.n, where, 1, common)
        self._layers = {
            str(key): spread(f"layer_settings[{key!r}]", value, self.n, where) for key, value in layer_settings.items()
        }
        self._accumulate = spread("accumulate", accumulate, self.n, where)
        self._precision = precision
        self._description: Any = None
        self._made: dict[int, Module] = {}  # all layers of all models so far, by identity

    def make(self, number: int) -> Member:
        """The member of that number."""
        model = self._model(number)
        if self._seeds is not None:
            model.seed = self._seeds[number]
        elif model.seed is None:
            model.seed = number
        try:
            self._set_layers(model, number)
            loss = self._make_loss(number)
            optimizer = self._optimizer(model.parameters(), **self._settings[number])
            trainer = Trainer(model, loss, optimizer, accumulate=self._accumulate[number], precision=self._precision)
        except (TypeError, ValueError) as error:
            raise type(error)(f"[{self.where}] model {number}: {error}") from error
        return Member(number, model.seed, trainer, number % len(self._factories))

    def _model(self, number: int) -> Module:
        factory, takes_number = self._factories[number % len(self._factories)]
        model = factory(number) if takes_number else factory()
        if not isinstance(model, Module):
            raise TypeError(f"[{self.where}] factory gave {model!r:.80} but must give a model")
        layers = {id(layer): layer for _, layer in model.named_modules()}
        if not layers.keys().isdisjoint(self._made):
            raise ValueError(
                f"[{self.where}] factory gave a model, or one with a layer, that it gave before: it must make a new "
                "one each time"
            )
        self._made.update(layers)
        if self._alike and not takes_number:
            description = architecture_of(model)
            if number == 0:
                self._description = description
            elif description != self._description:
                raise ValueError(
                    f"[{self.where}] factory makes different models: model {number} is {model!r:.200}, unlike the "
                    "first; for several architectures give a list of factories, or one that takes the model's number"
                )
        return model

    def _set_layers(self, model: Module, number: int) -> None:
        for key, values in self._layers.items():
            target, _, name = key.rpartition(".")
            layers = [m for path, m in model.named_modules() if path == target or type(m).__name__ == target]
            layers = [layer for layer in layers if _has_setting(layer, name)]
            if not layers:
                raise ValueError(
                    f"layer_settings has {key!r} but there is no layer {target!r} with a setting {name!r} in "
                    f"{model!r:.200}"
                )
            for layer in layers:
                setattr(layer, name, values[number])

    def _make_loss(self, number: int) -> Loss:
        own = self._losses[number]
        if not isinstance(self._loss, Loss):
            loss = self._loss(**own)
            if not isinstance(loss, Loss):
                raise TypeError(f"loss gave {loss!r:.80} but must give a Loss")
            return loss
        loss = copy.copy(self._loss)
        for name, value in own.items():
            setattr(loss, name, value)
        return loss


def factories(factory: Any, where: str) -> list[tuple[Factory, bool]]:
    """Each with whether it takes the model's number."""
    given = list(factory) if isinstance(factory, Sequence) else [factory]
    if not given:
        raise ValueError(f"[{where}] factory is an empty list")
    found = []
    for each in given:
        if not callable(each) or isinstance(each, Module):
            raise TypeError(
                f"[{where}] factory is {each!r:.80} but must be a function that makes a model, or a list of such"
            )
        try:
            parameters = list(inspect.signature(each).parameters.values())
        except ValueError:  # some of what is written in C has none
            parameters = []
        required = [
            p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if len(required) > 1:
            raise TypeError(
                f"[{where}] factory takes {len(required)} arguments but must take none, or the model's number"
            )
        found.append((each, len(required) == 1))
    return found


def _has_setting(layer: Module, name: str) -> bool:
    """Whether it is one of its layer's own settings, that may be set at any time."""
    own = getattr(type(layer), name, None)
    settable = isinstance(own, Setting) or (isinstance(own, property) and own.fset is not None)
    return settable and not hasattr(Module, name)


def _check_seed(where: str, seed: Any) -> int:
    checked = _check.seed(where, seed)
    if checked is None:
        raise TypeError(f"[{where}] seeds holds None but must be integers")
    return checked
