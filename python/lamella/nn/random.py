"""What layers that draw random numbers have in common."""

from typing import TYPE_CHECKING

from lamella.nn.module import Module

if TYPE_CHECKING:
    from lamella.nn.store import Store


class RandomLayer(Module):
    """A layer whose settings hold a ``seed``, a ``layer`` and a ``step``, which key its random numbers."""

    def adopted(self, store: "Store", index: int) -> None:
        """The model's seed and this layer's place."""
        super().adopted(store, index)
        assert self.settings is not None
        self.settings["seed"] = store.seed
        self.settings["layer"] = index
