"""Stops a training that no longer improves, and goes back to its best weights."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella import _core
from lamella.callbacks.early_stopping import EarlyStopping
from lamella.nn import _check

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer


#: What the native one tells of its count.
_COUNT = ("best", "seen", "best_epoch", "waited")


def larger_is_better(key: str) -> bool:
    """Whether a quantity of a history is to rise: accuracies are, losses and errors are not."""
    return key.endswith("accuracy")


def check_monitor(monitor: str, quantities: Iterable[str], where: str) -> None:
    """ValueError if an epoch's record, which has these, will not have what is monitored."""
    known = list(quantities)
    if monitor not in known:
        hint = "" if "val_loss" in known else " (there is no validation_data)"
        raise ValueError(f"[{where}] monitor is {monitor!r} but an epoch's record has {', '.join(known)}{hint}")


class Stopping:
    """Counts a training's epochs without improvement, and keeps the best weights and running statistics.

    With an average that is kept and restored, too.

    Parameters
    ----------
    trainer : Trainer
    settings : EarlyStopping
    state : mapping or None
        What :meth:`state_dict` gave, to go on from.
    """

    def __init__(
        self, trainer: "Trainer", settings: EarlyStopping, state: Mapping[str, Any] | None, where: str
    ) -> None:
        self.monitor = settings.monitor
        memory = trainer.model.store().memory
        kept: list[Any] = []
        if settings.restore_best:
            kept = trainer.model.state_operands()
            if trainer.average is not None:
                kept += trainer.average.state_operands(memory)
        rises = larger_is_better(self.monitor)
        self.native = _core.EarlyStopping(
            memory, kept, settings.patience, settings.min_delta, rises, settings.small_gains
        )
        self._earlier = 0
        if state is not None:
            self._go_on(state, bool(kept), where)

    def _go_on(self, state: Mapping[str, Any], keeps: bool, where: str) -> None:
        hint = "(to begin to count anew, load the state with schedule=False)"
        if state["monitor"] != self.monitor:
            raise ValueError(
                f"[{where}] monitor is {self.monitor!r} but the training that was loaded monitored "
                f"{state['monitor']!r} {hint}"
            )
        try:
            best, seen, best_epoch, waited = (state[name] for name in _COUNT)
            self.native.take(best, seen, best_epoch, waited, state["weights"] if keeps else None)
        except (TypeError, ValueError) as error:
            raise ValueError(f"[{where}] what was loaded has not the best epoch's weights: {error} {hint}") from error
        self._earlier = int(state["seen"])

    @property
    def over(self) -> bool:
        """Whether the last epoch was one too many."""
        return self.native.over

    def stops(self, value: float) -> bool:
        """Take note of an epoch; whether it was one too many."""
        return self.native.stops(value)

    def finish(self) -> int | None:
        """Go back to the best epoch; its number, from this call's first, below 0 if it was before that."""
        self.native.finish()
        best = self.native.best_epoch
        return None if best is None else best - self._earlier

    def state_dict(self) -> dict[str, Any]:
        """What another one needs to go on."""
        count = dict(zip(_COUNT, self.native.count, strict=True))
        return {"monitor": self.monitor, **count, "weights": self.native.copies}


def checked_state(state: Any, epochs: int, where: str) -> dict[str, Any] | None:
    """The same of a loaded training that has seen so many epochs, or an error."""
    if state is None:
        return None
    found = {name: state[name] for name in ("monitor", *_COUNT, "weights")} if _is_whole(state) else {}
    if not found or not isinstance(found["monitor"], str):
        raise ValueError(f"[{where}] the state of early stopping is {state!r:.80}, which makes no sense")
    seen = _check.integer(where, "seen", found["seen"], 0)
    best_epoch = _check.integer(where, "best_epoch", found["best_epoch"], -1)
    waited = _check.integer(where, "waited", found["waited"], 0)
    if seen > epochs or waited > seen or best_epoch >= max(seen, 1):
        raise ValueError(f"[{where}] early stopping has seen {seen} epochs, {best_epoch} and {waited}, of {epochs}")
    if not isinstance(found["best"], float) or math.isnan(found["best"]):
        raise ValueError(f"[{where}] best is {found['best']!r:.80} but must be a number")
    weights = found["weights"]
    if weights is not None and (not isinstance(weights, np.ndarray) or weights.dtype != np.uint8):
        raise ValueError(f"[{where}] the best epoch's weights are {weights!r:.80}, which makes no sense")
    return found


def _is_whole(state: Any) -> bool:
    return isinstance(state, Mapping) and {"monitor", *_COUNT, "weights"} <= set(state)
