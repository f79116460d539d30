"""Checked arrays: what a training takes its rows from, or is measured on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lamella._arrays import Array, as_features, as_weights, check_finite, check_indices, contiguous
from lamella.nn.loss import Loss
from lamella.nn.module import Module

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer


class Data(Protocol):
    """Rows to train on or to be measured on, in arrays (:class:`Samples`) or read from a source."""

    @property
    def count(self) -> int | None:
        """How many rows there are, if that is known."""

    @property
    def width(self) -> int:
        """Features of a row."""

    @property
    def target(self) -> Array:
        """Targets as the loss takes them: all, or some, of the kind of all."""

    @property
    def targets(self) -> Array:
        """Those of the rows that count."""

    def check_indices(self, columns: list[tuple[int, int]], where: str) -> None:
        """ValueError, now or when they are read, if such a column has what is no index."""

    def measure(self, trainer: "Trainer") -> dict[str, float]:
        """Loss and score in evaluation mode."""


@dataclass(frozen=True)
class Samples:
    """Rows of features, targets and perhaps weights, as the kernels take them; all of them, or those in ``rows``."""

    x: Array
    target: Array
    weight: Array | None = None
    rows: Array | None = None

    def __len__(self) -> int:
        return len(self.x) if self.rows is None else len(self.rows)

    @property
    def count(self) -> int | None:
        """How many rows there are."""
        return len(self)

    @property
    def width(self) -> int:
        """Features of a row."""
        return int(self.x.shape[1])

    @property
    def targets(self) -> Array:
        """Of the rows that count."""
        own: Array = self.target if self.rows is None else self.target[self.rows]
        return own

    def taken(self) -> "Samples":
        """The same with arrays of their own rows alone."""
        if self.rows is None:
            return self
        weight = None if self.weight is None else self.weight[self.rows]
        return Samples(self.x[self.rows], self.targets, weight)

    def check_indices(self, columns: list[tuple[int, int]], where: str) -> None:
        """ValueError if such a column has what is no index."""
        check_indices(self.x, columns, "x", where)

    def measure(self, trainer: "Trainer") -> dict[str, float]:
        """Loss and score in evaluation mode."""
        own = self.taken()
        return trainer.measure(own.x, own.target, own.weight)


def in_memory(data: Data | None) -> Samples | None:
    """The same if it is arrays."""
    return data if isinstance(data, Samples) else None


def features_of(model: Module, x: Any, where: str) -> Array:
    """``x`` as the model's kernels take it, or an error."""
    dtype = model.store().dtype
    return contiguous(as_features(x, dtype, model.input_width(), "x", where), dtype)


def targets_of(model: Module, loss: Loss, y: Any, n: int, width: int, where: str) -> Array:
    """``y`` as the loss takes it for n rows of so many features, or an error."""
    return loss.targets(y, n, model.output_width(width) or width, model.store().dtype, where)


def weights_of(model: Module, sample_weight: Any, n: int, where: str) -> Array | None:
    """``sample_weight`` as kernels take it, or an error."""
    return None if sample_weight is None else as_weights(sample_weight, n, model.store().dtype, where)


def samples_of(model: Module, loss: Loss, x: Any, y: Any, sample_weight: Any, where: str) -> Samples:
    """All three."""
    features = features_of(model, x, where)
    n, width = features.shape
    target = targets_of(model, loss, y, n, width, where)
    return Samples(features, target, weights_of(model, sample_weight, n, where))


def check_samples(samples: Samples, where: str, columns: Any = None) -> None:
    """ValueError if something to learn from is not finite; ``columns`` name the features."""
    check_finite(samples.x, "x", where, columns)
    if samples.target.dtype.kind == "f":
        check_finite(samples.target, "y", where)


def held_out_parts(given: Any, where: str) -> tuple[Any, Any, Any]:
    """``validation_data`` as (x, y, sample_weight), or an error."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise TypeError(
            f"[{where}] validation_data is a {type(given).__name__} but must be (x, y) or (x, y, sample_weight)"
        )
    return given[0], given[1], given[2] if len(given) == 3 else None
