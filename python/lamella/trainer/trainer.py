"""The trainer: steps, epochs, validation."""

import time
from collections.abc import Callable
from typing import Any

from lamella import _core
from lamella._arrays import Array, as_features, check_finite, contiguous
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.nn.store import Store
from lamella.optim.optimizer import Optimizer
from lamella.trainer.history import DivergenceError, History
from lamella.trainer.step import NativeStep, StepByHand


class Trainer:
    """Forward, loss, backward and update as one program.

    Gives the same numbers as the four calls by hand. Trains whether the model is set to ``train()`` or ``eval()``; a
    single layer of a model in training stays frozen if it is set to ``eval()``. Leaves each parameter's ``grad`` at the
    last batch's gradient.

    Parameters
    ----------
    model : Module
    loss : Loss
    optimizer : Optimizer
        Of this model's parameters, all or some.

    Raises
    ------
    ValueError
        If the optimizer holds parameters of another model.

    Attributes
    ----------
    history : History
        Of all calls of :meth:`fit`.
    """

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer) -> None:
        for name, value, kind in (("model", model, Module), ("loss", loss, Loss), ("optimizer", optimizer, Optimizer)):
            if not isinstance(value, kind):
                hint = " (an instance, not the class)" if isinstance(value, type) else ""
                raise TypeError(f"[Trainer] {name} is {value!r} but must be a {kind.__name__}{hint}")
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.history = History()
        self._check_owner(model.store())
        self._step: NativeStep | StepByHand | None = None

    def _check_owner(self, store: Store) -> None:
        optimizer = type(self.optimizer).__name__
        own = {id(parameter) for _, parameter in self.model.named_parameters()}
        strangers = [p.name for p in self.optimizer.parameters() if id(p) not in own]
        if strangers:
            raise ValueError(
                f"[Trainer] optimizer ({optimizer}) holds parameters that are not this model's: "
                f"{', '.join(strangers[:4])}; make it of model.parameters()"
            )
        if any(memory is not store.memory for memory in self.optimizer.memories):
            raise ValueError(
                f"[Trainer] the model's parameters have become part of another model since optimizer ({optimizer}) was "
                "made; make the optimizer after the last model"
            )

    def _prepare(self, width: int) -> NativeStep | StepByHand:
        """The step for inputs of that width; made anew if the model's memory is another."""
        store = self.model.store()
        step = self._step
        modes = tuple(module.training for module in self.model._modules)
        if step is None or step.store is not store or step.width != width or step.modes != modes:
            self._check_owner(store)
            step = NativeStep.make(self, store, width) or StepByHand(self, store, width)
            step.modes = modes
            self._step = step
        step.mode_changes = Module.mode_changes
        return step

    def mode(self) -> bool | None:
        """Each layer as it is set, so that one may be frozen by its ``eval()``; all train if the model is in eval."""
        return None if self.model.training else True

    def _features(self, x: Any, where: str) -> Array:
        dtype = self.model.store().dtype
        return contiguous(as_features(x, dtype, self.model.input_width(), "x", where), dtype)

    def _targets(self, y: Any, n: int, width: int, where: str) -> Array:
        outputs = self.model.output_width(width) or width
        return self.loss.targets(y, n, outputs, self.model.store().dtype, where)

    def step(self, x: Any, y: Any) -> float:
        """One training step.

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
            Targets, as the loss takes them.

        Returns
        -------
        float
            The loss before the update.
        """
        step = self._step
        if step is not None and step.mode_changes == Module.mode_changes and self.model.store() is step.store:
            value = step.quick(x, y)
            if value is not None:
                return value
        where = "Trainer.step"
        features = self._features(x, where)
        n, width = features.shape
        step = self._prepare(width)
        if n < step.least_rows:
            self.model.check_rows(n, self.mode(), where)
        return step.run(features, self.loss.targets(y, n, step.outputs, step.store.dtype, where))

    def fit(
        self,
        x: Any,
        y: Any,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        on_epoch: Callable[[int, dict[str, float]], bool | None] | None = None,
    ) -> History:
        """Train for some epochs, each one native call.

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
            Targets, as the loss takes them.
        epochs : int, default 1
        batch_size : int, default 32
        validation_data : (x, y), optional
            Evaluated after each epoch.
        shuffle : bool, default True
            Take the rows in a new random order each epoch: a function of the model's seed and the epochs so far.
        drop_last : bool, default False
            Leave out a last, smaller batch. If kept, and too small for batch normalization, it joins the one before.
        on_epoch : callable, optional
            Called as ``on_epoch(epoch, record)`` after each epoch (from 0) with its new entries of the history; True
            stops the training.

        Returns
        -------
        History
            Of this call. :attr:`history` goes on over calls.

        Raises
        ------
        ValueError
            If data has NaN or infinite values (by column), labels are out of range, or shapes differ.
        DivergenceError
            If the loss becomes NaN or infinite; the model keeps its last weights.
        """
        where = "Trainer.fit"
        epochs = _check.integer(where, "epochs", epochs, 0)
        batch_size = _check.integer(where, "batch_size", batch_size, 1)
        if on_epoch is not None and not callable(on_epoch):
            raise TypeError(f"[{where}] on_epoch is {on_epoch!r} but must be a function of (epoch, record)")
        columns = getattr(x, "columns", None)
        features = self._features(x, where)
        n, width = features.shape
        check_finite(features, "x", where, columns)
        target = self._targets(y, n, width, where)
        if target.dtype.kind == "f":
            check_finite(target, "y", where)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
                raise TypeError(
                    f"[{where}] validation_data is a {type(validation_data).__name__} but must be a pair (x, y)"
                )
            validation = self._evaluation_data(*validation_data, where=f"{where} validation_data")
            check_finite(validation[0], "x", f"{where} validation_data", columns)
        batch_size = min(batch_size, n)
        self.model.check_rows(batch_size, self.mode(), where)
        step = self._prepare(width)

        history = History()
        for epoch in range(epochs):
            order = _core.permutation(n, self._seed(), self.history.epochs) if shuffle else None
            begin = time.perf_counter()
            loss, score, steps, finite = step.epoch(features, target, order, batch_size, drop_last)
            record = {"loss": loss, self.loss.score_name: score, "seconds": time.perf_counter() - begin}
            if not finite:
                raise DivergenceError(
                    f"[{where}] the loss became {loss} at epoch {epoch}, batch {steps - 1}: try a lower learning rate "
                    f"(it is {self.optimizer.lr:g}), or standardise the data"
                )
            if validation is not None:
                record.update({f"val_{key}": value for key, value in self._evaluate(*validation).items()})
            history.add(record)
            self.history.add(record)
            if on_epoch is not None and on_epoch(epoch, record):
                break
        return history

    def _seed(self) -> int:
        return self.model.store().seed

    def _evaluation_data(self, x: Any, y: Any, where: str) -> tuple[Array, Array]:
        features = self._features(x, where)
        return features, self._targets(y, features.shape[0], features.shape[1], where)

    def _evaluate(self, features: Array, target: Array) -> dict[str, float]:
        loss, score = self.loss.evaluate(self.model.predict(features), target)
        return {"loss": loss, self.loss.score_name: score}

    def evaluate(self, x: Any, y: Any) -> dict[str, float]:
        """Loss and score in evaluation mode.

        Parameters
        ----------
        x : array-like, (n, features)
        y : array-like
            Targets, as the loss takes them.

        Returns
        -------
        dict
            "loss" and the loss's score ("accuracy" or "mse").
        """
        return self._evaluate(*self._evaluation_data(x, y, "Trainer.evaluate"))

    def predict(self, x: Any, batch_size: int = 1024) -> Array:
        """Outputs of the model in evaluation mode, (n, outputs), for ``loss.decide`` or ``loss.probabilities``."""
        return self.model.predict(x, batch_size)
