"""Griffe's part: docstrings as Markdown before mkdocstrings reads them."""

import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))

import api
import text


class Docstrings(griffe.Extension):
    """Rewrites each docstring when its object is loaded."""

    def __init__(self) -> None:
        self.identifiers = api.identifiers()

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for each object, those inside it first."""
        if obj.docstring is not None:
            obj.docstring.value = text.docstring(obj.docstring.value, lambda name: self._find(name, obj))

    def _find(self, name: str, obj: griffe.Object) -> str | None:
        owner = obj if obj.is_class else obj.parent
        inside = f"{owner.name}.{name}" if owner is not None and owner.is_class else name
        return self.identifiers.get(inside) or self.identifiers.get(name.removeprefix("lamella."))
