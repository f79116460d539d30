"""What :meth:`Trainer.fit` is told beside the data."""

from dataclasses import dataclass
from typing import Any

from lamella.callbacks.callback import OnEpoch, callbacks_of
from lamella.callbacks.early_stopping import EarlyStopping
from lamella.nn import _check
from lamella.optim.schedule import LRScheduler
from lamella.trainer.divergence import CutOnDivergence
from lamella.trainer.order import Sampling


@dataclass
class Options:
    """Arguments of :meth:`Trainer.fit`, under their names there; those that need no model to be checked are."""

    where: str
    epochs: int = 1
    batch_size: int = 32
    shuffle: bool = True
    drop_last: bool = False
    on_epoch: OnEpoch | None = None
    callbacks: Any = None
    schedule: LRScheduler | None = None
    unit: str | None = None
    monitor: str = "val_loss"
    patience: int | None = None
    min_delta: float = 0.0
    restore_best: bool = True
    on_divergence: CutOnDivergence | None = None
    mixup: Any = None
    sampling: Sampling = None
    augment: Any = None

    def __post_init__(self) -> None:
        where = self.where
        self.epochs = _check.integer(where, "epochs", self.epochs, 0)
        self.batch_size = _check.integer(where, "batch_size", self.batch_size, 1)
        for name in ("shuffle", "drop_last", "restore_best"):
            _check.flag(where, name, getattr(self, name))
        if self.patience is not None:
            self.patience = _check.integer(where, "patience", self.patience, 1)
        self.min_delta = _check.number(where, "min_delta", self.min_delta, 0)
        self.callbacks = callbacks_of(self.callbacks, self.on_epoch, where)
        self._check_stopping()
        if self.on_divergence is not None and not isinstance(self.on_divergence, CutOnDivergence):
            raise TypeError(f"[{where}] on_divergence is {self.on_divergence!r} but must be a CutOnDivergence")

    @property
    def stopping(self) -> EarlyStopping | None:
        """What ``patience`` or a callback asks for."""
        if self.patience is not None:
            return EarlyStopping(str(self.monitor), self.patience, self.min_delta, self.restore_best)
        return next((each for each in self.callbacks if isinstance(each, EarlyStopping)), None)

    def _check_stopping(self) -> None:
        given = sum(isinstance(each, EarlyStopping) for each in self.callbacks)
        if given + (self.patience is not None) > 1:
            both = "patience and an EarlyStopping" if self.patience is not None else "more than one EarlyStopping"
            raise ValueError(f"[{self.where}] {both} are given, but only one can be")

    @property
    def monitored(self) -> set[str]:
        """All that is looked at."""
        return {self.monitor} if self.stopping is None else {self.monitor, self.stopping.monitor}

    def plain(self) -> dict[str, Any]:
        """What a run is repeated by, as text can say it."""
        names = ("epochs", "batch_size", "shuffle", "drop_last", "unit", "monitor", "patience", "min_delta")
        more = ("restore_best", "on_divergence", "mixup", "sampling", "augment")
        found = {name: getattr(self, name) for name in (*names, *more)}
        for name in ("sampling", "augment"):
            if callable(found[name]):
                found[name] = getattr(found[name], "__qualname__", repr(found[name]))
        if self.stopping is not None:
            found.update({name: getattr(self.stopping, name) for name in ("monitor", "patience", "min_delta")})
            found["restore_best"] = self.stopping.restore_best
        return {**found, "schedule": None if self.schedule is None else repr(self.schedule)}
