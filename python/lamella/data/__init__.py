"""Data for training that need not fit into memory, and what is done to data before and while it is trained on.

>>> from lamella import data
>>> source = data.parquet(["2023.parquet", "2024.parquet"], target="price")  # doctest: +SKIP
>>> trainer.fit(source, epochs=3, validation_data=data.parquet("2025.parquet", target="price"))  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from lamella._later import later
from lamella.data.source import Chunk, Source

if TYPE_CHECKING:
    from lamella.data import augment as augment
    from lamella.data.iterables import batches
    from lamella.data.mapped import npy
    from lamella.data.memory import arrays
    from lamella.data.splitting import split
    from lamella.data.tables import csv, parquet

__all__ = ["Chunk", "Source", "arrays", "augment", "batches", "csv", "npy", "parquet", "split"]

__getattr__ = later(
    __name__,
    {
        "augment": (),
        "iterables": ("batches",),
        "mapped": ("npy",),
        "memory": ("arrays",),
        "splitting": ("split",),
        "tables": ("csv", "parquet"),
    },
)
