"""Where rows come from: arrays, or what is read; of a training, and of what it is measured on."""

from typing import TYPE_CHECKING, Any

from lamella._arrays import check_finite
from lamella.data.memory import Arrays
from lamella.data.source import Source
from lamella.trainer.options import Options
from lamella.trainer.samples import Data, check_samples, held_out_parts, samples_of
from lamella.trainer.stream import as_source, stream_of
from lamella.trainer.streaming import StreamTraining
from lamella.trainer.training import Training

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer


def training_of(trainer: "Trainer", x: Any, y: Any, weight: Any, validation_data: Any, options: Options) -> Training:
    """What trains on these rows, checked as far as they are at hand."""
    where = options.where
    x, y, weight = unpacked(x, y, weight)
    source = as_source(x, y, weight, trainer.model.store().dtype, where)
    if source is None:
        samples = samples_of(trainer.model, trainer.loss, x, y, weight, where)
        check_samples(samples, where, getattr(x, "columns", None))
        if options.augment is None:
            return Training(trainer, samples, _held_out(trainer, validation_data, options, x), options)
        source = Arrays(samples.x, y, weight)
    stream = stream_of(trainer, source, where)
    return StreamTraining(trainer, stream, _held_out(trainer, validation_data, options, x), options)


def unpacked(x: Any, y: Any, weight: Any) -> tuple[Any, Any, Any]:
    """The arrays of a source that has them, in its place."""
    return (x.x, x.y, x.weight) if isinstance(x, Arrays) and y is None and weight is None else (x, y, weight)


def _held_out(trainer: "Trainer", given: Any, options: Options, training_x: Any) -> Data | None:
    if given is None:
        return None
    where = f"{options.where} validation_data"
    x, y, weight = given, None, None
    if not _gives_batches(given):
        x, y, weight = held_out_parts(given, options.where)
    x, y, weight = unpacked(x, y, weight)
    source = as_source(x, y, weight, trainer.model.store().dtype, where)
    if source is None:
        samples = samples_of(trainer.model, trainer.loss, x, y, weight, where)
        check_finite(samples.x, "x", where, getattr(training_x, "columns", None))
        return samples
    if not source.repeats and options.epochs > 1:
        raise ValueError(f"[{where}] it is an iterator, which gives its rows once; pass a function that returns one")
    return stream_of(trainer, source, where)


def _gives_batches(given: Any) -> bool:
    """Whether validation data are a source, or what :func:`lamella.data.batches` takes; no tuple of arrays."""
    if isinstance(given, (tuple, list, dict, str)) or hasattr(given, "shape"):
        return False
    return isinstance(given, Source) or callable(given) or hasattr(given, "__iter__")
