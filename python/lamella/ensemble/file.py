"""Ensembles in files: safetensors, as models are."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lamella import nn
from lamella._arrays import Array
from lamella._files import (
    ENSEMBLE,
    architecture_of,
    make_model,
    metadata_text,
    parse_header,
    read_tensors,
    take_state,
    write_tensors,
)
from lamella.ensemble.combine import Combination
from lamella.ensemble.stacking import LinearStack
from lamella.nn.linear import Linear
from lamella.nn.loss import Loss
from lamella.nn.module import Module


def save(
    path: str | os.PathLike[str],
    models: Sequence[Module],
    losses: Sequence[Loss],
    combination: Combination,
    weights: Array,
    metadata: Mapping[str, Any] | None,
) -> None:
    """See :meth:`Ensemble.save`."""
    where = "Ensemble.save"
    tensors = {f"{k}.{name}": value for k, model in enumerate(models) for name, value in model.state_dict().items()}
    tensors["weights"] = weights
    if isinstance(combination, LinearStack):
        stack = {f"stack.{name}": value for name, value in combination.model.state_dict().items()}
        tensors.update(stack, groups=combination.groups)
    members = [
        {"dtype": model.store().dtype.name, "architecture": architecture_of(model), "loss": _described(loss, where)}
        for model, loss in zip(models, losses, strict=True)
    ]
    content = json.dumps({"combine": combination.name, "members": members})
    write_tensors(path, ENSEMBLE, {"ensemble": content, "metadata": metadata_text(metadata, where)}, tensors)


def load(
    path: str | os.PathLike[str], layers: Mapping[str, Callable[[], Any]] | None
) -> tuple[list[Module], list[Loss], str | LinearStack, Array | None]:
    """Arguments of an :class:`Ensemble`."""
    where = "Ensemble.load"
    header, tensors = read_tensors(path, where, ENSEMBLE, "Ensemble.save")
    content = parse_header(header, "ensemble", path, where)
    try:
        members, combine = content["members"], content["combine"]
        models, losses = [], []
        for number, member in enumerate(members):
            model = make_model(member["architecture"], member["dtype"], layers, path, where)
            take_state(model, _within(tensors, f"{number}."), path, where)
            models.append(model)
            losses.append(_made(member["loss"], where))
        if combine != LinearStack.name:
            return models, losses, combine, tensors["weights"]
        state = _within(tensors, "stack.")
        outputs, inputs = state["weight"].shape
        linear = Linear(inputs, outputs)
        linear.dtype = "float64"
        take_state(linear, state, path, where)
        return models, losses, LinearStack(tensors["groups"], linear), None
    except (KeyError, TypeError) as error:
        raise ValueError(f"[{where}] {os.fspath(path)} is damaged: {error!r}") from error


def _within(tensors: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _described(loss: Loss, where: str) -> dict[str, Any]:
    if getattr(nn, type(loss).__name__, None) is not type(loss):
        raise TypeError(f"[{where}] loss {loss!r} is not one of lamella's, so a file cannot hold it")
    return {"type": type(loss).__name__, **loss.config()}


def _made(description: dict[str, Any], where: str) -> Loss:
    arguments = dict(description)
    kind = getattr(nn, str(arguments.pop("type", None)), None)
    if not (isinstance(kind, type) and issubclass(kind, Loss)) or kind is Loss:
        raise ValueError(f"[{where}] the file has a loss {description.get('type')!r}, which this lamella does not know")
    made: Loss = kind(**arguments)
    return made
