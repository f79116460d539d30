"""One module a system: ``make(workload, threads)`` gives ``step(x, y) -> loss``; ``describe()`` its version."""

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class System:
    """Something that trains a network."""

    label: str
    package: str  # what must be installed


SYSTEMS = {
    "lamella": System("lamella", "lamella"),
    "torch": System("PyTorch eager", "torch"),
    "compile": System("torch.compile", "torch"),
    "jax": System("JAX jit", "jax"),
    "numpy": System("NumPy by hand", "numpy"),
}


def load(name: str) -> Any:
    """The module of a system."""
    return importlib.import_module(f"{__name__}.{name}_step")


def missing(names: Iterable[str]) -> dict[str, str]:
    """Which of the systems cannot run here, and the package that each of them lacks."""
    packages = {name: SYSTEMS[name].package for name in names}
    return {name: package for name, package in packages.items() if importlib.util.find_spec(package) is None}
