"""Names of a package that are imported when they are first used, so that importing the package stays fast (PEP 562)."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def later(package: str, places: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package: ``places`` are its modules, and which of their names stand in it, too."""

    def find(name: str) -> Any:
        for module, names in places.items():
            if name in names or name == module:
                found = import_module(f"{package}.{module}")
                if name in names:
                    found = getattr(found, name)
                    setattr(sys.modules[package], name, found)
                return found
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
