"""The state of an optimizer, out and in: everything is checked before anything is changed."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamella._arrays import Array, to_array
from lamella.nn.parameter import Parameter
from lamella.optim.group import Group
from lamella.optim.settings import positive_or_none
from lamella.optim.update import is_matrix

if TYPE_CHECKING:
    from lamella.optim.optimizer import Optimizer


def collect(optimizer: "Optimizer") -> dict[str, Any]:
    """Copies of steps, slots and settings, in the layout of PyTorch's optimizers."""
    optimizer.check_places()
    state: dict[int, dict[str, Any]] = {}
    groups = []
    for group in optimizer.param_groups:
        numbers = list(range(len(state), len(state) + len(group["params"])))
        for number, parameter in zip(numbers, group["params"], strict=True):
            state[number] = {"step": group.blocks[0].step, **group.block(parameter).carried()}
            for name in optimizer.slots(group, is_matrix(parameter)):
                state[number][name] = optimizer.slot_view(parameter, name).copy(order="C")
        groups.append({**{k: v for k, v in group.items() if k != "params"}, **optimizer.mode(), "params": numbers})
    return {"state": state, "param_groups": groups, "clip_norm": optimizer.clip_norm}


def restore(optimizer: "Optimizer", state: Any) -> None:
    """Take over what :func:`collect` gave."""
    where = f"{type(optimizer).__name__}.load_state_dict"
    optimizer.check_places()
    for key in ("state", "param_groups"):
        if not isinstance(state, Mapping) or key not in state:
            raise ValueError(f"[{where}] state is {state!r:.80} but must be a mapping with {key!r}")
    groups = list(state["param_groups"])
    counts = [len(g["params"]) if isinstance(g, Mapping) and "params" in g else None for g in groups]
    if counts != [len(g["params"]) for g in optimizer.param_groups]:
        raise ValueError(
            f"[{where}] the state has other parameter groups than this optimizer: their params number {counts}"
        )
    clip_norm = positive_or_none(where, "clip_norm", state.get("clip_norm", optimizer.clip_norm))
    optimizer.check_mode(groups[0], where)
    arrays: list[tuple[Array, Array]] = []
    scalars: list[tuple[float, dict[str, float]]] = []
    for group, saved in zip(optimizer.param_groups, groups, strict=True):
        group.check({**group, **{k: v for k, v in saved.items() if k in group and k != "params"}}, where)
        for parameter, number in zip(group["params"], saved["params"], strict=True):
            entry = state["state"].get(number)
            if not isinstance(entry, Mapping):
                raise ValueError(f"[{where}] there is no state of {parameter.name} (number {number})")
            arrays += _checked_slots(optimizer, group, parameter, entry, where)
            step = _checked_step(optimizer, parameter, entry, where)
            running = _checked_running(optimizer, group, parameter, entry, where)
            if parameter is group["params"][0]:
                scalars.append((step, {}))
            scalars[-1][1].update(running)
    for view, value in arrays:
        view[...] = value
    for group, saved, (step, running) in zip(optimizer.param_groups, groups, scalars, strict=True):
        group.restore(saved, step, running)
    optimizer.clip_norm = clip_norm
    optimizer.restore_mode(groups[0])


def _checked_slots(
    optimizer: "Optimizer", group: Group, parameter: Parameter, entry: Mapping[str, Any], where: str
) -> list[tuple[Array, Array]]:
    pairs = []
    for name in optimizer.slots(group, is_matrix(parameter)):
        if entry.get(name) is None:
            raise ValueError(f"[{where}] {name} of {parameter.name} is missing")
        value, view = to_array(entry[name], f"{name} of {parameter.name}", where), optimizer.slot_view(parameter, name)
        if value.shape != view.shape:
            raise ValueError(f"[{where}] {name} of {parameter.name} has shape {value.shape}, not {view.shape}")
        pairs.append((view, value))
    return pairs


def _checked_step(optimizer: "Optimizer", parameter: Parameter, entry: Mapping[str, Any], where: str) -> float:
    if "step" not in entry and not optimizer.counts_steps:
        return 1.0  # PyTorch keeps none here; that there is a state says that there was a step
    step = _number(entry, "step", parameter, where)
    if not 0 <= step < 2**53:
        raise ValueError(f"[{where}] step of {parameter.name} is {step} but must be a number of steps")
    return step


def _checked_running(
    optimizer: "Optimizer", group: Group, parameter: Parameter, entry: Mapping[str, Any], where: str
) -> dict[str, float]:
    found = {}
    for name in group.block(parameter).carried():
        found[name] = _number(entry, name, parameter, where)
        if not 0 <= found[name] < math.inf:
            raise ValueError(f"[{where}] {name} of {parameter.name} is {found[name]} but must be at least 0")
    return found


def _number(entry: Mapping[str, Any], key: str, parameter: Parameter, where: str) -> float:
    name = f"{key} of {parameter.name}"
    if entry.get(key) is None:
        raise ValueError(f"[{where}] {name} is missing")
    value = to_array(entry[key], name, where)
    if value.size != 1:
        raise ValueError(f"[{where}] {name} is {value} but must be a number")
    return float(value.reshape(()))
