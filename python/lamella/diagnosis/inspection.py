"""Layers and parameters of a model on a sample of rows, in numbers."""

from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.diagnosis.records import EpochRecord, Histogram, LayerRecord, ParameterRecord
from lamella.diagnosis.units import mean_correlation, statistics_of
from lamella.diagnosis.watch import Watch, gradients_of, require_loss, require_model, take_statistics, unchanged
from lamella.nn import _check
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.trainer.samples import Samples, check_samples, features_of, samples_of
from lamella.trainer.snapshot import Snapshot
from lamella.trainer.trainer import Trainer


def inspect(
    model: Module | Trainer,
    x: Any,
    y: Any = None,
    loss: Loss | None = None,
    sample_weight: Any = None,
    *,
    bins: int = 40,
    threshold: float = 0.05,
) -> EpochRecord:
    """Activations, gradients and weights of each layer on some rows; nothing is changed.

    Activations are those of evaluation mode (where batch normalization has not seen a batch yet: by the statistics of
    these rows), gradients those of a training step on these rows.

    Parameters
    ----------
    model : Module or Trainer
        With a trainer: its model and its loss, and how far one step of its optimizer would move each parameter.
    x : array-like, (n, features)
        A sample, such as a few hundred rows: everything is held in memory at once.
    y : array-like, optional
        Targets, as the loss takes them. Without them there are no gradients.
    loss : Loss, optional
        With ``y``, if ``model`` is no trainer.
    sample_weight : array-like, (n,), optional
        What each row counts in the loss.
    bins : int, default 40
        Of histograms.
    threshold : float, default 0.05
        A derivative below this share of the activation's largest counts as saturated. In [0, 1].

    Returns
    -------
    EpochRecord
        ``print`` shows a table and what it means; ``.findings`` has that as data.

    Raises
    ------
    ValueError
        If data does not fit, or has NaN or infinite values.
    TypeError
        If there is no loss for ``y``.
    """
    where = "inspect"
    trainer = model if isinstance(model, Trainer) else None
    network = require_model(model.model if isinstance(model, Trainer) else model, where)
    bins = _check.integer(where, "bins", bins, 1)
    threshold = _check.number(where, "threshold", threshold, 0, 1)
    if y is None:
        features = features_of(network, x, where)
        check_samples(Samples(features, np.zeros(0, np.int64)), where, getattr(x, "columns", None))
        return examine(network, None, Samples(features, np.zeros(0)), None, bins, threshold)
    chosen = trainer.loss if trainer is not None and loss is None else require_loss(loss, where)
    samples = samples_of(network, chosen, x, y, sample_weight, where)
    check_samples(samples, where, getattr(x, "columns", None))
    mode = None if network.training else True
    network.check_rows(len(samples), mode, where)
    network.check_modes(mode, where)
    return examine(network, chosen, samples, trainer, bins, threshold)


def examine(
    model: Module, loss: Loss | None, samples: Samples, trainer: Trainer | None, bins: int, threshold: float
) -> EpochRecord:
    """:func:`inspect` on checked arrays; nothing is said of what overflows."""
    with np.errstate(all="ignore"):
        return _examine(model, loss, samples, trainer, bins, threshold)


def _examine(
    model: Module, loss: Loss | None, samples: Samples, trainer: Trainer | None, bins: int, threshold: float
) -> EpochRecord:
    parameters = dict(model.named_parameters())
    moved: dict[str, float | None] = {} if trainer is None or loss is None else update_ratios(trainer, samples)
    layers: dict[str, LayerRecord] = {}
    flows: dict[str, Array] = {}
    norms: dict[str, float] = {}
    if loss is not None:
        found = gradients_of(model, samples, loss, None if model.training else True, "inspect")
        scale = len(samples) if loss.reduction == "mean" else 1
        flows = {name: scale * dy for name, dy in found.layers.items()}
        norms = {name: _norm(gradient) for name, gradient in found.parameters.items()}
    with unchanged(model):
        take_statistics(model, samples.x)
        watch = Watch(model, samples.x.shape[1], training=False)
        watch.forward(samples.x, "inspect")
        for layer, given, values in zip(watch.layers, watch.inputs(), watch.outputs(), strict=True):
            units = statistics_of(layer, given, values, threshold)
            flow = flows.get(layer.name)
            layers[layer.name] = LayerRecord(
                name=layer.name,
                kind=layer.kind,
                units=values.shape[1],
                mean=float(values.mean(dtype=np.float64)),
                std=float(values.std(dtype=np.float64)),
                activations=Histogram.of(values, bins),
                dead=None if units.dead is None else float(units.dead.mean()),
                saturated=None if units.saturated is None else float(units.saturated.mean()),
                correlation=None if units.dead is None else mean_correlation(values),
                gradient_rms=None if flow is None else _norm(flow) / flow.size**0.5,
                gradients=None if flow is None else Histogram.of(flow, bins),
            )
    records = {
        name: ParameterRecord(
            name=name,
            shape=parameter.shape,
            norm=_norm(parameter.data),
            gradient_norm=norms.get(name),
            update_ratio=moved.get(name),
            values=Histogram.of(parameter.data, bins),
        )
        for name, parameter in parameters.items()
    }
    rates = () if trainer is None else tuple(float(group["lr"]) for group in trainer.optimizer.param_groups)
    return EpochRecord(-1, rates, layers, records)


def update_ratios(trainer: Trainer, samples: Samples) -> dict[str, float | None]:
    """|change of w| / |w| by parameter, of one step of the trainer on these rows; it is then as before, bit for bit."""
    parameters = dict(trainer.model.named_parameters())
    with unchanged(trainer.model):
        before = Snapshot(trainer)
        try:
            trainer.ready()
            trainer.added = 0
            weights = {name: parameter.data.astype(np.float64) for name, parameter in parameters.items()}
            step = trainer.prepare(samples.x.shape[1], samples.target)
            for _ in range(trainer.accumulate):  # one update
                trainer.advance(step, samples.x, samples.target, samples.weight)
            sizes = {name: _norm(old) for name, old in weights.items()}
            return {
                name: _norm(parameters[name].data - old) / sizes[name] if sizes[name] > 0 else None
                for name, old in weights.items()
            }
        finally:
            before.restore()


def _norm(values: Array) -> float:
    return float(np.sqrt((values.astype(np.float64) ** 2).sum()))
