"""Who takes which setting: the factory, the optimizer, the loss, the schedule, the layers, or fit."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.optim.settings import COMMON
from lamella.population.spread import arguments
from lamella.tuning.draw import Settings

#: What fit takes that may differ by trial.
FIT = ("batch_size", "patience", "min_delta", "mixup", "accumulate")

#: Prefixes that say who takes a name; any other is a layer's: "Dropout.p", "2.p".
_OWNERS = ("model", "optimizer", "loss", "schedule", "fit")


@dataclass
class Routed:
    """The settings of one trial by who takes them."""

    model: Settings = field(default_factory=dict)
    optimizer: Settings = field(default_factory=dict)
    loss: Settings = field(default_factory=dict)
    schedule: Settings = field(default_factory=dict)
    fit: Settings = field(default_factory=dict)
    layers: Settings = field(default_factory=dict)


class Routing:
    """Where settings go.

    A name goes to the factory if that takes it; else to the one of optimizer, loss, schedule and fit that does, or, as
    "dropout", to all Dropout layers.

    Parameters
    ----------
    factory : callable
    optimizer, schedule : callable
    loss : Loss or callable
    where : str
    """

    def __init__(
        self, factory: Any, optimizer: Any, loss: Any, schedule: Callable[..., Any] | None, where: str
    ) -> None:
        self._where = where
        if not callable(factory) or isinstance(factory, Module):
            raise TypeError(f"[{where}] factory is {factory!r:.80} but must be a function that makes a model")
        if not isinstance(loss, Loss) and not callable(loss):
            raise TypeError(f"[{where}] loss is {loss!r:.80} but must be a Loss, or what makes one")
        if not callable(optimizer):
            raise TypeError(f"[{where}] optimizer is {optimizer!r:.80} but must be a class of lamella.optim")
        self._factory = factory
        self._takes: dict[str, list[str] | None] = {  # None: any name
            "model": arguments(factory, 0, ())[0],
            "optimizer": arguments(optimizer, 1, [*COMMON, "clip_norm"])[0],
            "loss": arguments(type(loss) if isinstance(loss, Loss) else loss, 0, ())[0],
            "schedule": [] if schedule is None else arguments(schedule, 1, ())[0],
            "fit": list(FIT),
        }
        self._names = {
            "model": "factory",
            "optimizer": f"optimizer ({_called(optimizer)})",
            "loss": f"loss ({_called(loss)})",
            "schedule": f"schedule ({_called(schedule)})",
            "fit": "fit",
        }

    def check(self, names: Iterable[str]) -> None:
        """ValueError if nobody takes a name, several do, or the factory lacks one that it needs."""
        given = {self._owner(name) for name in names}
        for parameter in inspect.signature(self._factory).parameters.values():
            needed = parameter.default is parameter.empty and parameter.kind in (
                parameter.POSITIONAL_ONLY,
                parameter.POSITIONAL_OR_KEYWORD,
                parameter.KEYWORD_ONLY,
            )
            if needed and ("model", parameter.name) not in given:
                raise ValueError(f"[{self._where}] factory needs {parameter.name!r}, which is not in the space")

    def route(self, settings: Mapping[str, Any]) -> Routed:
        """The settings by who takes them."""
        routed = Routed()
        for name, value in settings.items():
            owner, own = self._owner(name)
            getattr(routed, owner)[own] = value
        return routed

    def _owner(self, name: str) -> tuple[str, str]:
        """Who takes it, and under which name."""
        head, _, rest = name.partition(".")
        if head in _OWNERS and rest:
            takes = self._takes[head]
            if takes is not None and rest not in takes:
                raise ValueError(
                    f"[{self._where}] space has {name!r} but {self._names[head]} takes {', '.join(takes) or 'nothing'}"
                )
            return head, rest
        if rest:
            return "layers", name
        takers = self._takers(name)
        if not takers and name == "dropout":
            return "layers", "Dropout.p"
        if not takers:
            raise ValueError(f"[{self._where}] space has {name!r}, which nobody takes: {self._offers()}")
        if len(takers) > 1:
            who = " and ".join(self._names[owner] for owner in takers)
            instead = " or ".join(repr(f"{owner}.{name}") for owner in takers)
            raise ValueError(f"[{self._where}] space has {name!r}, which {who} take: say {instead}")
        return takers[0], name

    def _takers(self, name: str) -> list[str]:
        """The factory alone, or all else that names it; where nobody does, all that take any name."""
        named = [owner for owner, takes in self._takes.items() if takes is not None and name in takes]
        if "model" in named:
            return ["model"]
        return named or [owner for owner, takes in self._takes.items() if takes is None]

    def _offers(self) -> str:
        offers = [f"{self._names[owner]}: {', '.join(takes)}" for owner, takes in self._takes.items() if takes]
        return "; ".join([*offers, 'layers: "Dropout.p" and the like'])


def _called(maker: Any) -> str:
    return type(maker).__name__ if isinstance(maker, Loss) else getattr(maker, "__name__", type(maker).__name__)
