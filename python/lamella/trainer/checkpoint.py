"""A training's state: to stop, and to go on with the same bits."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamella import nn
from lamella._arrays import Array
from lamella.nn import _check
from lamella.nn.module import Module
from lamella.trainer.early_stopping import checked_state
from lamella.trainer.history import History
from lamella.trainer.snapshot import Snapshot, counters, set_counters
from lamella.trainer.tree import pack, unpack

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer

_FORMAT = "lamella-trainer-1"
_PARTS = ("model", "optimizer", "average", "counters", "schedule", "history", "seed")  # and "early_stopping"


def state_of(trainer: "Trainer") -> dict[str, Any]:
    """See :meth:`Trainer.state_dict`."""
    if trainer.average is not None:
        trainer.average.check_ready()  # inside applied() the model does not hold the weights that are trained
    schedule = trainer._schedule_state if trainer._schedule is None else trainer._schedule.state_dict()
    history = trainer.history
    return {
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "average": None if trainer.average is None else trainer.average.state_dict(),
        "counters": counters(trainer.model),
        "schedule": schedule,
        "early_stopping": trainer.stopping_state(),
        "history": {
            "entries": {key: list(values) for key, values in history.items()},
            "best_epoch": history.best_epoch,
            "stopped": history.stopped,
        },
        "seed": trainer.model.store().seed,
    }


def restore(trainer: "Trainer", state: Any, schedule: bool, where: str) -> None:
    """See :meth:`Trainer.load_state_dict`."""
    _check.flag(where, "schedule", schedule)
    if not isinstance(state, Mapping):
        raise TypeError(f"[{where}] state is {state!r:.80} but must be a mapping")
    missing = [part for part in _PARTS if part not in state]
    if missing:
        raise ValueError(f"[{where}] the state is no trainer's: it has no {', '.join(missing)}")
    seed = _check.seed(where, state["seed"])
    history = _checked_history(state["history"], where)
    scalars = _checked_counters(trainer.model, state["counters"], where)
    stopping = checked_state(state.get("early_stopping"), history.epochs, where)
    rates = state["schedule"]
    if rates is not None and not isinstance(rates, Mapping):
        raise ValueError(f"[{where}] the schedule's state is {rates!r:.80} but must be a mapping")
    if (state["average"] is None) != (trainer.average is None):
        has, own = ("none", "one") if state["average"] is None else ("one", "none")
        raise ValueError(f"[{where}] the state has {has} of weight averages but the trainer {own}")
    if trainer.average is not None:
        trainer.average.check_ready()
    before = Snapshot(trainer)
    try:
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        if trainer.average is not None:
            trainer.average.load_state_dict(state["average"])
    except BaseException:
        before.restore()
        raise
    set_counters(trainer.model, scalars)
    trainer.model.store().seed = seed or 0
    trainer.history, trainer.added = history, 0
    trainer._schedule = None
    trainer._schedule_state = rates if schedule else None
    trainer._stopping_state = stopping if schedule else None


def _checked_history(state: Any, where: str) -> History:
    entries = state.get("entries") if isinstance(state, Mapping) else None
    good = isinstance(entries, Mapping) and all(
        isinstance(values, list) and all(isinstance(value, (int, float)) for value in values)
        for values in entries.values()
    )
    if not isinstance(entries, Mapping) or not good:
        raise ValueError(f"[{where}] the history is {state!r:.80} but must hold lists of numbers")
    history = History({str(key): list(values) for key, values in entries.items()})
    if state.get("best_epoch") is not None:
        history.best_epoch = _check.integer(where, "best_epoch", state["best_epoch"], 0)
    if state.get("stopped") is not None:
        history.stopped = str(state["stopped"])
    return history


def _checked_counters(model: Module, state: Any, where: str) -> dict[str, dict[str, float | int]]:
    own = counters(model)
    checked: dict[str, dict[str, float | int]] = {}
    if not isinstance(state, Mapping) or list(state) != list(own):
        raise ValueError(f"[{where}] the counters are {state!r:.80} but the layers that have some are {list(own)}")
    for name, fields in own.items():
        given = state[name]
        if not isinstance(given, Mapping) or list(given) != list(fields):
            raise ValueError(f"[{where}] the counters of layer {name!r} are {given!r:.80} but must be {list(fields)}")
        checked[name] = {}
        for field, value in fields.items():
            label = f"{field} of layer {name!r}"
            if isinstance(value, int):
                checked[name][field] = _check.integer(where, label, given[field], 0, below=2**64)
            else:
                checked[name][field] = _check.number(where, label, given[field])
    return checked


def save(trainer: "Trainer", path: str | os.PathLike[str]) -> None:
    """See :meth:`Trainer.save`."""
    from lamella._files import architecture_of, write_tensors

    arrays: dict[str, Array] = {}
    state = pack(state_of(trainer), arrays)
    header = {"architecture": json.dumps(architecture_of(trainer.model)), "state": json.dumps(state)}
    write_tensors(path, _FORMAT, header, arrays)


def _lasting(description: dict[str, Any]) -> dict[str, Any]:
    """The architecture without what may be set at any time: that is among the counters."""
    kind = getattr(nn, str(description.get("type")), None)
    changing = [key for key in description if hasattr(getattr(kind, key, None), "__set__")]
    return {key: value for key, value in description.items() if key not in changing}


def read_history(path: str | os.PathLike[str], where: str) -> History:
    """That of a file that :func:`save` wrote; reads only its header."""
    from lamella._files import parse_header, read_tensors

    header, _ = read_tensors(path, where, _FORMAT, "Trainer.save", tensors=False)
    state = parse_header(header, "state", path, where)
    try:
        return _checked_history(unpack(dict(state["items"])["history"], {}), where)
    except (TypeError, ValueError, LookupError) as error:
        raise ValueError(f"[{where}] {os.fspath(path)} makes no sense: {error}") from error


def load(trainer: "Trainer", path: str | os.PathLike[str], schedule: bool) -> None:
    """See :meth:`Trainer.load`."""
    from lamella._files import check_architecture, parse_header, read_tensors

    where = "Trainer.load"
    header, arrays = read_tensors(path, where, _FORMAT, "Trainer.save")
    check_architecture(trainer.model, parse_header(header, "architecture", path, where), path, where, _lasting)
    try:
        restore(trainer, unpack(parse_header(header, "state", path, where), arrays), schedule, where)
    except (TypeError, ValueError, LookupError, AttributeError) as error:  # whatever a damaged state leads to
        raise ValueError(f"[{where}] {os.fspath(path)} does not fit: {error}") from error
