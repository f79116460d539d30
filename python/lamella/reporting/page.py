"""The report: one HTML page that needs nothing else."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lamella._arrays import Array
from lamella._atomic import write_atomically
from lamella._version import __version__
from lamella.diagnosis.records import EpochRecord
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.reporting.blocks import Section, cards
from lamella.reporting.hidden import hidden_units
from lamella.reporting.insides import rates, units
from lamella.reporting.markup import Markup, tag
from lamella.reporting.network import network
from lamella.reporting.number import counted, duration, number
from lamella.reporting.reading import reading
from lamella.reporting.repeat import initial_rates, repeat
from lamella.reporting.scores import learning_curves, r_squared, score, shown
from lamella.reporting.subject import WHERE, Subject, loss_of_history, of_one_training, read_parts
from lamella.reporting.timing import timing
from lamella.reporting.weights import weight_images
from lamella.trainer.early_stopping import larger_is_better
from lamella.trainer.trainer import Trainer

#: In the order of the page. Each says None if it has nothing to show.
SECTIONS: tuple[Callable[[Subject], Section | None], ...] = (
    learning_curves, score, reading, rates, units, hidden_units, weight_images, timing, network, repeat,
)  # fmt: skip


def report(
    history: Mapping[str, Sequence[float]] | None,
    model: Module,
    data: Any,
    path: str | os.PathLike[str] = "report.html",
    *,
    trainer: Trainer | None = None,
    loss: Loss | None = None,
    recorder: Any = None,
    target: float | None = None,
    classes: Sequence[Any] | None = None,
    image_shape: Sequence[int] | None = None,
    decode: Callable[[Array], Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    title: str = "Training report",
    timing: bool = True,
) -> Path:
    """Write a page that shows how a training went, how good the model is, and what is inside.

    One HTML file that opens anywhere, with nothing to fetch: learning curves, score and confusion matrix (or predicted
    against true values), a reading of bias and variance, rates and updates, activations and gradients by layer and
    epoch, dead and saturated units, hidden units by samples, first-layer weights as images, the time of each op, and
    the settings to repeat the run. Sections for which nothing was given are left out; large networks and data are
    sampled, which the page says. The model stays as it is.

    Parameters
    ----------
    history : History, mapping or None
        What ``fit`` returned: an entry an epoch by quantity.
    model : Module
    data : (x, y), (x, y, sample_weight), dict of such, or None
        By "training" ("train"), "validation" ("val") and "test"; each may be None. What is shown of predictions is of
        the test rows, else of the validation rows, else of what there is. A part of more than 50,000 rows is measured
        on as many at even distances.
    path : str or path, default "report.html"
        Written whole or not at all.
    trainer : Trainer, optional
        That trained the model: its loss, optimizer and settings are shown, and whole steps are timed.
    loss : Loss, optional
        By default the trainer's; without one, what such targets are usually trained with (the page says so).
    recorder : lamella.diagnosis.Recorder or sequence of EpochRecord, optional
        What was recorded in the training, as a callback of ``fit``. Without one the layers are looked at as they are
        now.
    target : float, optional
        The score to reach, an accuracy or an error as the loss has it, for the reading of bias and variance: see
        :func:`lamella.diagnose`.
    classes : sequence, optional
        Names of the classes, or of the outputs.
    image_shape : sequence of int, optional
        (height, width) or (height, width, channels) of inputs that are images. By default found out for squares.
    decode : callable, optional
        From the numbers that a regression is trained on to those to show, such as a scaler's ``inverse_transform``:
        called on (n, outputs) arrays.
    settings : mapping, optional
        More to say of the run, for those who want to repeat it: names and values.
    title : str
    timing : bool, default True
        Whether to time the ops of a step, and what the machine can do at most: a second or two.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said here; nothing is written then.
    """
    subject = _subject(history, model, data, trainer, loss, recorder)
    subject.target = None if target is None else _check.number(WHERE, "target", target, 0)
    subject.classes = _names(classes)
    subject.image_shape = _shape(image_shape)
    if decode is not None and not callable(decode):
        raise TypeError(f"[{WHERE}] decode is {decode!r:.80} but must be a function of an array")
    subject.decode = decode
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"[{WHERE}] settings is {settings!r:.80} but must be a mapping of names to values")
    subject.settings = dict(settings or {})
    subject.timing = _check.flag(WHERE, "timing", timing)
    if not isinstance(title, str):
        raise TypeError(f"[{WHERE}] title is {title!r:.80} but must be a text")
    where = Path(path)
    write_atomically(where, page(subject, title).encode())
    return where


def _subject(history: Any, model: Any, data: Any, trainer: Any, loss: Any, recorder: Any) -> Subject:
    if not isinstance(model, Module):
        hint = " (an instance, not the class)" if isinstance(model, type) else ""
        raise TypeError(f"[{WHERE}] model is {model!r:.80} but must be a Module{hint}")
    if history is not None and not isinstance(history, Mapping):
        raise TypeError(f"[{WHERE}] history is {history!r:.80} but must be what fit returned, or None")
    if trainer is not None and not isinstance(trainer, Trainer):
        raise TypeError(f"[{WHERE}] trainer is {trainer!r:.80} but must be a Trainer")
    if trainer is not None and trainer.model is not model:
        raise ValueError(f"[{WHERE}] trainer is that of another model")
    if loss is not None and not isinstance(loss, Loss):
        raise TypeError(f"[{WHERE}] loss is {loss!r:.80} but must be a Loss")
    if loss is None and trainer is not None:
        loss = trainer.loss
    if loss is not None and loss.reduction == "none":
        raise ValueError(f'[{WHERE}] loss has reduction "none", which gives no one number; use "mean" or "sum"')
    history = {} if history is None else history
    guess = loss is None
    parts, loss, guessed = read_parts(data, model, loss_of_history(history) if guess else loss)
    return Subject(history, model, loss, parts, guess or guessed, trainer, _records(recorder))


def _records(recorder: Any) -> list[EpochRecord]:
    given = [] if recorder is None else getattr(recorder, "records", recorder)
    if not isinstance(given, (list, tuple)) or not all(isinstance(record, EpochRecord) for record in given):
        raise TypeError(f"[{WHERE}] recorder is {recorder!r:.80} but must be a Recorder, or what it recorded")
    return of_one_training(given)


def _names(classes: Any) -> list[str] | None:
    if classes is None:
        return None
    if isinstance(classes, str) or not hasattr(classes, "__len__"):
        raise TypeError(f"[{WHERE}] classes is {classes!r:.80} but must be a sequence of names")
    return [str(name) for name in classes]


def _shape(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise TypeError(
            f"[{WHERE}] image_shape is {given!r:.80} but must be (height, width) or (height, width, channels)"
        )
    shape = tuple(_check.integer(WHERE, f"image_shape[{i}]", size, 1) for i, size in enumerate(given))
    if len(shape) == 3 and shape[2] not in (1, 3):
        raise ValueError(f"[{WHERE}] image_shape is {shape} but images have 1 channel or 3")
    return shape[:2] if len(shape) == 3 and shape[2] == 1 else shape


def page(subject: Subject, title: str) -> Markup:
    """All of it."""
    sections = [made for make in SECTIONS if (made := make(subject)) is not None]
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    written = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    links = [tag("li", tag("a", section.title, href=f"#{section.key}")) for section in sections]
    body = tag(
        "body",
        tag("header", tag("h1", title), tag("p", _lead(subject), class_="lead"), cards(_cards(subject))),
        tag("nav", tag("ul", links), aria_label="Sections"),
        tag("main", [_written(section) for section in sections]),
        tag("footer", f"Written by lamella {__version__}, {written}."),
    )
    return Markup(f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n")


def _written(section: Section) -> Markup:
    heading = f"{section.key}-title"
    return tag(
        "section", tag("h2", section.title, id=heading), section.content, id=section.key, aria_labelledby=heading
    )


def _lead(subject: Subject) -> str:
    model = subject.model
    kinds = [module for _, module in model.named_modules() if not module.children()]
    texts = [f"{type(model).__name__} of {counted(len(kinds), 'layer')}, {counted(model.num_parameters, 'parameter')}"]
    texts += [type(subject.loss).__name__] if subject.parts or subject.trainer else []
    if subject.trainer is not None:
        optimizer = subject.trainer.optimizer
        texts.append(f"{type(optimizer).__name__}, lr {number(initial_rates(optimizer)[0])}")
    texts += [
        f"{part.rows:,} {part.name if part.name != 'data' else ''} rows".replace("  ", " ") for part in subject.parts
    ]
    return "; ".join(texts)


def _cards(subject: Subject) -> list[tuple[str, str, str]]:
    """The figures to know first."""
    found = []
    name = subject.loss.score_name
    for part in subject.parts:
        scores = subject.scores[part.name]
        label = f"{part.name} {name}" if part.name != "data" else name
        r2 = r_squared(subject, part)
        more = f"loss {number(scores['loss'])}" if r2 is None else f"R² {number(r2)}"
        found.append((label, shown(name, scores[name]), more))
    if subject.epochs:
        best = _best(subject)
        found.append(("epochs", number(subject.epochs), best))
    seconds = subject.history.get("seconds", ())
    if len(seconds):
        found.append(("training time", duration(sum(seconds)), f"{duration(sum(seconds) / len(seconds))} an epoch"))
    found.append(("parameters", f"{subject.model.num_parameters:,}", str(subject.model.store().dtype.name)))
    return found


def _best(subject: Subject) -> str:
    if subject.best_epoch is not None:
        return f"weights of epoch {subject.best_epoch + 1}"
    key = "val_loss" if "val_loss" in subject.history else "loss"
    values = [value for value in subject.history.get(key, ()) if value == value]
    if not values:
        return ""
    best = max(values) if larger_is_better(key) else min(values)
    return f"least {key.replace('val_', 'validation ')} in epoch {list(subject.history[key]).index(best) + 1}"
