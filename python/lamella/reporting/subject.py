"""What a report is about: a model, what it was trained on and how; checked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from lamella._arrays import Array, check_finite, to_array
from lamella.diagnosis.records import EpochRecord
from lamella.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, Loss, MSELoss
from lamella.nn.module import Module
from lamella.trainer.samples import Samples, samples_of
from lamella.trainer.trainer import Trainer

WHERE = "report"

T = TypeVar("T")

#: Rows of a part that are measured, at most; more are sampled at even distances.
MOST_ROWS = 50_000

#: Other names of the parts.
_NAMES = {"train": "training", "valid": "validation", "val": "validation"}
_ORDER = ("training", "validation", "test")


@dataclass(frozen=True)
class Part:
    """Some rows of the data, as the model takes them.

    Attributes
    ----------
    name : str
        "training", "validation", "test", or what the user calls it.
    samples : Samples
        Those that are measured.
    rows : int
        All there are.
    outputs : ndarray
        What the model gives for them in evaluation mode.
    digest : str
        Of all of x and y.
    shape : str
    """

    name: str
    samples: Samples
    rows: int
    outputs: Array
    digest: str
    shape: str

    @property
    def sampled(self) -> bool:
        """Whether only some rows are measured."""
        return len(self.samples) < self.rows


@dataclass
class Subject:
    """Arguments of :func:`lamella.report`, checked, and what follows from them."""

    history: Mapping[str, Sequence[float]]
    model: Module
    loss: Loss
    parts: list[Part]
    guessed: bool = False
    trainer: Trainer | None = None
    records: list[EpochRecord] = field(default_factory=list)
    target: float | None = None
    classes: Sequence[str] | None = None
    image_shape: tuple[int, ...] | None = None
    decode: Callable[[Array], Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    timing: bool = True

    @property
    def best_epoch(self) -> int | None:
        """Whose weights were kept, from 0; None: the last's."""
        return getattr(self.history, "best_epoch", None)

    @property
    def epochs(self) -> int:
        """Number of entries of the history."""
        return max((len(values) for values in self.history.values()), default=0)

    def part(self, *names: str) -> Part | None:
        """The first there is of these."""
        return next((part for name in names for part in self.parts if part.name == name), None)

    @property
    def judged(self) -> Part | None:
        """What the model is judged by: what it was trained on least."""
        return self.part("test", "validation") or (self.parts[-1] if self.parts else None)

    @property
    def learned(self) -> Part | None:
        """What it was trained on, if that is known; else any part."""
        return self.part("training") or (self.parts[0] if self.parts else None)

    @cached_property
    def scores(self) -> dict[str, dict[str, float]]:
        """Loss and score of each part."""
        found = {}
        for part in self.parts:
            loss, score = self.loss.evaluate(part.outputs, part.samples.target, part.samples.weight)
            found[part.name] = {"loss": loss, self.loss.score_name: score}
        return found


def read_parts(data: Any, model: Module, loss: Loss | None) -> tuple[list[Part], Loss, bool]:
    """The parts of the data, the loss, and whether that was guessed from the targets."""
    given = _given(data)
    guessed = loss is None
    if loss is None:
        loss = guess_loss(model, *next(iter(given.values()))[:2]) if given else MSELoss()
    parts = [_read_part(name, arrays, model, loss) for name, arrays in given.items()]
    return parts, loss, guessed


def _given(data: Any) -> dict[str, tuple[Any, ...]]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        data = {"data": data}
    found = {}
    for name, arrays in data.items():
        if arrays is None:
            continue
        if not isinstance(arrays, (tuple, list)) or len(arrays) not in (2, 3):
            raise TypeError(
                f"[{WHERE}] data{'' if name == 'data' else f'[{name!r}]'} is a {type(arrays).__name__} but must be "
                '(x, y) or (x, y, sample_weight), or a dict of such by "training", "validation", "test"'
            )
        key = _NAMES.get(str(name).lower(), str(name))
        if key in found:
            raise ValueError(f"[{WHERE}] data has two parts called {key!r}")
        found[key] = tuple(arrays)
    rank = {name: place for place, name in enumerate(_ORDER)}
    return dict(sorted(found.items(), key=lambda item: rank.get(item[0], len(rank))))


def guess_loss(model: Module, x: Any, y: Any) -> Loss:
    """What such targets are usually trained with."""
    target = to_array(y, "y", WHERE)
    width = model.output_width(x.shape[-1] if hasattr(x, "tocsr") else to_array(x, "x", WHERE).shape[-1])
    labels = target.dtype.kind in "biu" and (target.ndim == 1 or target.shape[1:] == (1,))
    if labels and width is not None and width > 1:
        return CrossEntropyLoss()
    if target.dtype.kind == "b" or (labels and set(np.unique(target).tolist()) <= {0, 1}):
        return BCEWithLogitsLoss()
    return MSELoss()


def loss_of_history(history: Mapping[str, Any]) -> Loss | None:
    """A loss of numbers whose score a history has, where that says more than the targets do."""
    return L1Loss() if "mae" in history else MSELoss() if "mse" in history else None


def _read_part(name: str, arrays: tuple[Any, ...], model: Module, loss: Loss) -> Part:
    from lamella.reporting.digest import digest

    where = WHERE if name == "data" else f"{WHERE} {name}"
    x, y, weight = arrays if len(arrays) == 3 else (*arrays, None)
    if hasattr(x, "toarray") and hasattr(x, "tocsr"):
        return _read_sparse(name, x, y, weight, model, loss)
    samples = samples_of(model, loss, x, y, weight, where)
    check_finite(samples.x, "x", where, getattr(x, "columns", None))
    rows = len(samples)
    shape = f"x {samples.x.shape}, y {samples.target.shape}"
    fingerprint = digest(samples.x, samples.target)
    if rows > MOST_ROWS:
        chosen = even_sample(rows, MOST_ROWS)
        samples = Samples(
            samples.x[chosen], samples.target[chosen], None if samples.weight is None else samples.weight[chosen]
        )
    return Part(name, samples, rows, model.predict(samples.x), fingerprint, shape)


def _read_sparse(name: str, x: Any, y: Any, weight: Any, model: Module, loss: Loss) -> Part:
    """A scipy.sparse matrix: only rows that are measured become an array."""
    from lamella.reporting.digest import digest

    where, table = f"{WHERE} {name}", x.tocsr()
    rows = int(table.shape[0])
    y, weight = to_array(y, "y", where), None if weight is None else to_array(weight, "sample_weight", where)
    if any(len(other) != rows for other in (y, weight) if other is not None):
        raise ValueError(f"[{where}] x has {rows} rows but y or sample_weight another number")
    chosen = even_sample(rows, MOST_ROWS)
    few = None if weight is None else weight[chosen]
    samples = samples_of(model, loss, table[chosen].toarray(), y[chosen], few, where)
    shape = f"x {tuple(table.shape)} sparse, y {y.shape}"
    fingerprint = digest(table.indptr, table.indices, table.data, y)
    return Part(name, samples, rows, model.predict(samples.x), fingerprint, shape)


def of_one_training(records: Sequence[EpochRecord]) -> list[EpochRecord]:
    """Those of the last training, where a recorder saw several: its epochs begin anew."""
    anew = [index for index in range(1, len(records)) if records[index].epoch <= records[index - 1].epoch]
    return list(records[anew[-1] if anew else 0 :])


def some(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, at even distances."""
    return [items[index] for index in even_sample(len(items), most)]


def even_sample(n: int, most: int) -> Array:
    """At most so many of n numbers, at even distances."""
    if n <= most:
        return np.arange(n)
    chosen: Array = np.linspace(0, n - 1, most).round().astype(np.int64)
    return chosen
