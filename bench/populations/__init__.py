"""One module a way to train many models: ``make(task, name)`` gives a :class:`Trained`."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lamella.bench.workloads import Array
from populations.networks import Task


@dataclass(frozen=True)
class Trained:
    """Models that are ready to be trained.

    Attributes
    ----------
    version : str
    task : Task
        What an epoch is: fewer models or rows than were asked for where more would take longer and tell nothing else.
    epochs : callable
        ``epochs(count, shuffle)`` trains all models, and returns the losses of the last epoch: of each model a mean.
    """

    version: str
    task: Task
    epochs: Callable[[int, bool], Array]


@dataclass(frozen=True)
class System:
    """A way to train many models."""

    label: str
    module: str
    package: str
    one_core: bool = False  # it is timed on one core, as if each of the cores did the same
    least_epochs: int = 1  # in a block: a call of fit does work of its own before the first

    def load(self) -> Any:
        """Its module."""
        return importlib.import_module(f"{__name__}.{self.module}")


SYSTEMS = {
    "lamella": System("lamella, Population.fit", "population", "lamella", least_epochs=4),
    "fit": System("lamella, Trainer.fit of one model on each core", "alone", "lamella", one_core=True, least_epochs=4),
    "step": System("lamella, Trainer.step of one model on each core", "one_by_one", "lamella", one_core=True),
    "jax_scan": System("JAX vmap, an epoch in one call (scan)", "jax_vmap", "jax"),
    "jax_step": System("JAX vmap, a call a step", "jax_vmap", "jax"),
    "stacked": System("PyTorch, stacked weights (baddbmm)", "torch_stacked", "torch"),
    "torch": System("PyTorch eager, one after another", "one_by_one", "torch"),
    "compile": System("torch.compile, one after another", "one_by_one", "torch"),
}


def here() -> list[str]:
    """Systems that can run."""
    return [name for name, system in SYSTEMS.items() if importlib.util.find_spec(system.package) is not None]
