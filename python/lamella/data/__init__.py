"""Data for training that need not fit into memory, and what is done to data before and while it is trained on.

>>> from lamella import data
>>> source = data.parquet(["2023.parquet", "2024.parquet"], target="price")  # doctest: +SKIP
>>> trainer.fit(source, epochs=3, validation_data=data.parquet("2025.parquet", target="price"))  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lamella.data.source import Chunk, Source

if TYPE_CHECKING:
    from lamella.data import augment as augment
    from lamella.data.iterables import batches
    from lamella.data.mapped import npy
    from lamella.data.memory import arrays
    from lamella.data.splitting import split
    from lamella.data.tables import csv, parquet

__all__ = ["Chunk", "Source", "arrays", "augment", "batches", "csv", "npy", "parquet", "split"]

#: Where the other names are, loaded at first use.
_PLACES = {
    "arrays": "memory",
    "batches": "iterables",
    "csv": "tables",
    "npy": "mapped",
    "parquet": "tables",
    "split": "splitting",
}


def __getattr__(name: str) -> Any:
    if name == "augment":
        return import_module("lamella.data.augment")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"lamella.data.{_PLACES[name]}"), name)
