"""Data that the models of a population share, converted and checked once for all that take it alike."""

from typing import Any

from lamella._arrays import Array, check_finite, to_array
from lamella.nn.module import Module
from lamella.trainer.samples import Samples, check_samples, features_of, targets_of, weights_of
from lamella.trainer.trainer import Trainer


class Tables:
    """x, y and sample_weight as the kernels of each model take them.

    Parameters
    ----------
    x, y : array-like
    sample_weight : array-like, optional
        (n,) for all models, or (models, n).
    learning : bool
        Whether targets must be finite, too.
    where : str
    """

    def __init__(self, x: Any, y: Any, sample_weight: Any, models: int, learning: bool, where: str) -> None:
        self._x, self._y = x, y
        self._weight = None if sample_weight is None else to_array(sample_weight, "sample_weight", where)
        if self._weight is not None and self._weight.ndim == 2 and len(self._weight) != models:
            raise ValueError(f"[{where}] sample_weight has rows for {len(self._weight)} models but there are {models}")
        self._learning, self._where = learning, where
        self._found: dict[Any, Any] = {}

    def of(self, trainer: Trainer, model: int) -> Samples:
        """What that model takes."""
        dtype = trainer.model.store().dtype.name
        x = self.features(trainer.model)
        n, width = x.shape
        loss, outputs = trainer.loss, trainer.model.output_width(width) or width
        form = type(loss), dtype, outputs, loss.ignored, loss.form(), loss.target_width(outputs)
        target = self._once(("y", *form), lambda: targets_of(trainer.model, loss, self._y, n, width, self._where))
        samples = Samples(x, target, self._weight_of(trainer, model, n, dtype))
        self._once(("checked", id(x), id(target)), lambda: self._check(samples))
        return samples

    def features(self, model: Module) -> Array:
        """Its x."""
        key = "x", model.store().dtype.name, model.input_width()
        x: Array = self._once(key, lambda: features_of(model, self._x, self._where))
        return x

    def _weight_of(self, trainer: Trainer, model: int, n: int, dtype: str) -> Array | None:
        if self._weight is not None and self._weight.ndim == 2:
            return weights_of(trainer.model, self._weight[model], n, f"{self._where} model {model}")
        weight: Array | None = self._once(
            ("weight", dtype), lambda: weights_of(trainer.model, self._weight, n, self._where)
        )
        return weight

    def _check(self, samples: Samples) -> None:
        columns = getattr(self._x, "columns", None)
        if self._learning:
            check_samples(samples, self._where, columns)
        else:
            check_finite(samples.x, "x", self._where, columns)

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]
