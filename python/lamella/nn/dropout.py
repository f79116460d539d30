"""Dropout."""

from typing import TYPE_CHECKING, Any

from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Settings

if TYPE_CHECKING:
    from lamella.nn.store import Store


class Dropout(Module):
    """Inverted dropout: in training each value is zero with probability p, else scaled by 1 / (1 - p).

    Which values are kept is a function of the model's seed, the layer, the number of training passes so far and the
    element alone (Philox 4x32-10): the same for any number of threads. Srivastava et al. 2014; PyTorch's semantics.

    Parameters
    ----------
    p : float, default 0.5
        In [0, 1]. May be set at any time.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.settings = Settings(p=_check.number("Dropout", "p", p, 0, 1), seed=0, layer=0, step=0.0)  # DropoutHyper

    @property
    def p(self) -> float:
        """Probability that a value is dropped."""
        assert self.settings is not None
        return float(self.settings["p"])

    @p.setter
    def p(self, value: float) -> None:
        assert self.settings is not None
        self.settings["p"] = _check.number("Dropout", "p", value, 0, 1)

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {"p": self.p}

    def adopted(self, store: "Store", index: int) -> None:
        """The model's seed and this layer's place key the masks."""
        super().adopted(store, index)
        assert self.settings is not None
        self.settings["seed"] = store.seed
        self.settings["layer"] = index

    def emit(self, builder: Builder, x: Value) -> Value:
        """Draws a mask and applies it, both ways, in training; nothing in evaluation."""
        if not builder.trains(self):
            return x
        assert self.settings is not None
        y = builder.value(x.width)
        mask, hyper = builder.bits(x.width), self.settings.offset
        builder.tick(self.settings.index("step"))
        builder.forward("dropout_mask", [mask], [x.width], hyper)
        builder.forward("dropout", [y.operand, x.operand, mask], [x.width], hyper)
        if x.wants_grad:
            builder.backward("dropout", [x.grad, y.grad, mask], [x.width], hyper)
        return y
