"""All that a run needs to be repeated: network, data, training, versions, machine."""

import json
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamella import _core
from lamella._config import get_num_threads
from lamella._version import __version__
from lamella.bench.report import machine
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import COMMON
from lamella.reporting.blocks import Head, Section, details, note, program, table
from lamella.reporting.code import group_settings, loss_code, model_code, optimizer_code
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.subject import Part, Subject
from lamella.trainer.options import Options
from lamella.trainer.trainer import Trainer

#: Longest text of a setting.
_LONGEST = 2000


def repeat(subject: Subject) -> Section:
    """The section."""
    settings = settings_of(subject)
    rows = [(name, tag("span", _value(value), class_="value")) for name, value in _flat(settings)]
    code = code_of(subject)
    return Section(
        "repeat",
        "To repeat the run",
        join(
            note(
                "The same data, settings and seed give the same bits with any number of threads, on the same "
                "instruction set."
            ),
            program(code, "code to repeat the run") if code else None,
            table(["setting", Head("value", False)], rows, class_="settings"),
            details("As JSON", program(json.dumps(settings, indent=1, default=str, ensure_ascii=False), "settings")),
        ),
    )


def settings_of(subject: Subject) -> dict[str, Any]:
    """Settings by what they are about."""
    from lamella._files import architecture_of

    model, trainer = subject.model, subject.trainer
    found: dict[str, Any] = {"given": dict(subject.settings)} if subject.settings else {}
    try:
        architecture: Any = architecture_of(model)
    except ValueError:
        architecture = repr(model)
    found["model"] = {
        "architecture": architecture,
        "seed": model.store().seed,
        "dtype": model.store().dtype.name,
        "parameters": model.num_parameters,
    }
    found["loss"] = repr(subject.loss) + (" (guessed from the targets)" if subject.guessed else "")
    if trainer is not None:
        found["training"] = _training(trainer)
    found["data"] = {part.name: _data(part) for part in subject.parts}
    found["versions"] = {"lamella": __version__, "numpy": np.__version__, "python": platform.python_version()}
    found["machine"] = {
        "processor": machine(),
        "system": platform.platform(),
        "instruction set": _core.isa(),
        "threads": get_num_threads(),
        "compiler": _core.compiler(),
    }
    return found


def _training(trainer: Trainer) -> dict[str, Any]:
    optimizer = trainer.optimizer
    found: dict[str, Any] = {"optimizer": type(optimizer).__name__}
    for index, (group, rate) in enumerate(zip(optimizer.param_groups, initial_rates(optimizer), strict=True)):
        own = {key: value for key, value in group_settings(group).items() if key not in COMMON or value != COMMON[key]}
        name = "settings" if len(optimizer.param_groups) == 1 else f"group {index}"
        found[name] = {**own, "lr": rate}
        if len(optimizer.param_groups) > 1:
            found[name]["parameters"] = [parameter.name for parameter in group["params"]]
    if optimizer.clip_norm is not None:
        found["clip_norm"] = optimizer.clip_norm
    if trainer.accumulate > 1:
        found["accumulate"] = trainer.accumulate
    if trainer.average is not None:
        found["average"] = repr(trainer.average)
    if trainer.precision is not None:
        found["precision"] = trainer.precision
    if trainer.fitted is not None:
        found["fit"] = dict(trainer.fitted)
    return found


def initial_rates(optimizer: Optimizer) -> list[float]:
    """Of each group, before schedules."""
    return [float(group["lr"] if group.initial_lr is None else group.initial_lr) for group in optimizer.param_groups]


def _data(part: Part) -> str:
    return f"{part.shape}, SHA-256 {part.digest}…"


def code_of(subject: Subject) -> str | None:
    """The lines of Python that make the model, and train it; None if there is no saying it in a few."""
    model, trainer = subject.model, subject.trainer
    made = model_code(model)
    if made is None:
        return None
    if model.seed is None and made.endswith("\n)"):
        made = f"{made[:-1]}    seed={model.store().seed},\n)"
    lines = ["import lamella as lm", "from lamella import nn, optim", "", f"model = {made}"]
    loss = loss_code(subject.loss)
    optimizer = None if trainer is None else optimizer_code(trainer.optimizer, initial_rates(trainer.optimizer))
    if trainer is None or loss is None or optimizer is None:
        return "\n".join(lines)
    more = f", accumulate={trainer.accumulate}" if trainer.accumulate > 1 else ""
    more += f", precision={trainer.precision!r}" if trainer.precision is not None else ""
    lines += [f"optimizer = {optimizer}", f"trainer = lm.Trainer(model, {loss}, optimizer{more})"]
    if trainer.fitted is not None and trainer.average is None:
        lines += _fit_code(subject, trainer, trainer.fitted)
    return "\n".join(lines)


def _fit_code(subject: Subject, trainer: Trainer, fitted: Mapping[str, Any]) -> list[str]:
    """The last call of fit; and what it does not say."""
    usual = Options("Trainer.fit").plain()
    arguments = [f"epochs={fitted['epochs']}", f"batch_size={fitted['batch_size']}"]
    learned, held_out = subject.part("training", "data"), subject.part("validation")
    if held_out is not None:
        weight = "" if held_out.samples.weight is None else ", sample_weight_validation"
        arguments.append(f"validation_data=(x_validation, y_validation{weight})")
    if learned is not None and learned.samples.weight is not None:
        arguments.append("sample_weight=sample_weight")
    for name, value in fitted.items():
        if name in ("epochs", "batch_size") or value == usual[name]:
            continue
        by_name = name in ("schedule", "augment") or (name == "sampling" and value != "balanced")
        shown = "..." if by_name else repr(value).replace("CutOnDivergence(", "lm.CutOnDivergence(")
        arguments.append(f"{name}={shown}")
    lines = [f"history = trainer.fit(x, y, {', '.join(arguments)})"]
    if trainer.history.epochs > min(subject.epochs or fitted["epochs"], fitted["epochs"]):
        lines.insert(0, "# The last of several calls of fit:")
    if subject.best_epoch is not None and fitted["patience"] is None:
        lines.append(f"# What was kept are the weights of epoch {subject.best_epoch + 1}.")
    return lines


def _flat(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found = []
    for topic, value in settings.items():
        if not isinstance(value, Mapping):
            found.append((topic, value))
            continue
        for key, inner in value.items():
            if key == "architecture":
                continue  # the table of layers says it, and the JSON
            found.append((f"{topic}: {key}" if topic != "given" else str(key), inner))
    return found


def _value(value: Any) -> Markup | str:
    if isinstance(value, Mapping):
        shown = ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    else:
        shown = _plain(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _plain(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
