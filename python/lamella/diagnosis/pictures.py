"""Pictures of trainings, units and weights, by matplotlib."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamella._arrays import Array, to_array
from lamella.diagnosis.findings import length
from lamella.diagnosis.records import EpochRecord, Histogram
from lamella.nn import _check

if TYPE_CHECKING:
    from lamella.diagnosis.recorder import Recorder
    from lamella.trainer.history import History

#: Panels, and images of weights, in a row.
_ACROSS, _IMAGES = 3, 8


def figure_class(where: str) -> Any:
    """Matplotlib's Figure, without pyplot's state; ImportError if it is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f'[{where}] a picture needs matplotlib, which is not installed: pip install "lamella[train]"'
        ) from error
    return Figure


def panels(count: int, width: float, height: float, where: str, across: int = _ACROSS) -> tuple[Any, list[Any]]:
    """A figure, and so many axes in rows; the places that are left over are empty."""
    across = min(count, across)
    down = math.ceil(count / across)
    figure = figure_class(where)(figsize=(width * across, height * down), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def learning_curves(history: "History", axes: Any = None) -> list[Any]:
    """Loss and score by epoch, training beside validation: what :meth:`lamella.History.plot` does."""
    where = "History.plot"
    own = ("loss", "seconds", "lr", "penalty")
    score = next((key for key in history if key not in own and not key.startswith("val_")), None)
    shown = ["loss"] if score is None else ["loss", score]
    if history.epochs == 0:
        raise ValueError(f"[{where}] there are no epochs to draw")
    if axes is None:
        _, axes = panels(len(shown), 5, 3.6, where)
    given: list[Any] = list(np.ravel(axes))
    if len(given) != len(shown):
        raise ValueError(f"[{where}] axes has {len(given)} but {len(shown)} are needed: for {' and '.join(shown)}")
    epochs = np.arange(1, history.epochs + 1)
    for axis, key in zip(given, shown, strict=True):
        marker = "o" if history.epochs == 1 else None
        axis.plot(epochs, history[key], marker=marker, label="training")
        if f"val_{key}" in history:
            axis.plot(epochs, history[f"val_{key}"], marker=marker, label="validation")
        if history.best_epoch is not None:
            axis.axvline(history.best_epoch + 1, color="0.4", linestyle=":", label=f"best: {history.best_epoch + 1}")
        values = [v for each in (key, f"val_{key}") for v in history.get(each, []) if np.isfinite(v)]
        if key == "loss" and values and min(values) > 0 and max(values) > 20 * min(values):
            axis.set_yscale("log")
        _finish(axis, "epoch", key)
    return given


def plot_units(values: Any, y: Any = None, ax: Any = None) -> Any:
    """Hidden units x samples, as a picture: sparse and structured is good, correlated (alike, in stripes) is bad.

    Parameters
    ----------
    values : array-like, (n, units)
        Activations of a layer: ``activations(model, x)["2"]``.
    y : array-like, (n,), optional
        Classes: samples are put in their order, so that what units have to do with classes shows.
    ax : matplotlib Axes, optional
        A new figure's if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If shapes are wrong.
    ImportError
        If matplotlib is not installed.
    """
    where = "plot_units"
    table = to_array(values, "values", where)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"[{where}] values has shape {table.shape} but (n, units) is expected")
    if y is not None:
        labels = to_array(y, "y", where)
        if labels.shape != (len(table),):
            raise ValueError(f"[{where}] y has shape {labels.shape} but {(len(table),)} is expected, a class a row")
        table = table[np.argsort(labels, kind="stable")]
    if ax is None:
        ax = panels(1, 7, 4, where)[1][0]
    finite = table[np.isfinite(table)]
    most = float(np.abs(finite).max()) if finite.size else 1.0
    signed = bool((finite < 0).any())
    image = ax.imshow(
        table.T,
        aspect="auto",
        interpolation="nearest",
        cmap="RdBu_r" if signed else "viridis",
        vmin=-most if signed else 0.0,
        vmax=most or 1.0,
    )
    ax.figure.colorbar(image, ax=ax, label="activation")
    ax.set_xlabel("sample" if y is None else "sample, by class")
    ax.set_ylabel("unit")
    return ax


def plot_weights(weight: Any, shape: Iterable[int] | None = None, count: int = 64) -> Any:
    """The incoming weights of each unit as an image: what a unit of the first layer looks for, where inputs are images.

    Parameters
    ----------
    weight : array-like, (units, features)
        ``model[0].weight.data``.
    shape : tuple of int, optional
        Of an image, (height, width) or (height, width, 3). By default square, if features are a square number.
    count : int, default 64
        Units to draw, the first ones.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If features are not as many as an image has pixels.
    ImportError
        If matplotlib is not installed.
    """
    where = "plot_weights"
    images = as_images(to_array(weight, "weight", where), shape, where)
    images = images[: _check.integer(where, "count", count, 1)]
    figure, axes = panels(len(images), 1.1, 1.1, where, _IMAGES)
    for axis, image in zip(axes, images, strict=True):
        most = float(np.abs(image).max()) or 1.0
        axis.imshow((image / most + 1) / 2 if image.ndim == 3 else image, cmap="RdBu_r", vmin=-most, vmax=most)
        axis.set_axis_off()
    return figure


def as_images(weight: Array, shape: Iterable[int] | None, where: str) -> Array:
    """(units, features) -> (units, height, width) or (units, height, width, 3), or an error."""
    if weight.ndim != 2 or weight.size == 0:
        raise ValueError(f"[{where}] weight has shape {weight.shape} but (units, features) is expected")
    features = weight.shape[1]
    if shape is None:
        side = math.isqrt(features)
        if side * side != features:
            raise ValueError(f"[{where}] {features} features are no square: say shape=(height, width)")
        shape = (side, side)
    sizes = tuple(_check.integer(where, "shape", size, 1) for size in shape)
    if len(sizes) not in (2, 3) or math.prod(sizes) != features or (len(sizes) == 3 and sizes[2] != 3):
        raise ValueError(
            f"[{where}] shape is {sizes} but must be (height, width) or (height, width, 3), {features} numbers in all"
        )
    return weight.reshape(len(weight), *sizes)


def plot_histograms(records: "EpochRecord | Recorder | Sequence[EpochRecord]", of: str = "activations") -> Any:
    """Histograms by layer, a panel each; of several epochs one over the other, early ones dark and late ones bright.

    Parameters
    ----------
    records : EpochRecord, Recorder or sequence of EpochRecord
    of : "activations", "gradients" or "weights", default "activations"

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is nothing to draw: no records, or no gradients in them.
    ImportError
        If matplotlib is not installed.
    """
    where = "plot_histograms"
    if of not in ("activations", "gradients", "weights"):
        raise ValueError(f'[{where}] of is {of!r} but must be "activations", "gradients" or "weights"')
    several = _records(records, where)
    named = [_histograms(record, of) for record in several]
    names = list(named[-1]) if named else []
    if not names:
        raise ValueError(f"[{where}] there are no {of} in what was recorded")
    figure, axes = panels(len(names), 3.6, 2.6, where)
    from matplotlib import colormaps

    colors = colormaps["viridis"](np.linspace(0, 0.9, len(several)))
    for axis, name in zip(axes, names, strict=True):
        for record, histograms, color in zip(several, named, colors, strict=True):
            if name in histograms:
                found = histograms[name]
                total = max(int(found.counts.sum()), 1)
                label = f"epoch {record.epoch + 1}" if record in (several[0], several[-1]) else None
                axis.stairs(found.counts / total, found.edges, color=color, label=label)
        axis.set_title(name, fontsize="small")
        if of == "gradients":
            axis.set_yscale("log")  # nearly all are small
        _finish(axis, "", "share", legend=len(several) > 1 and axis is axes[0])
    return figure


def _histograms(record: EpochRecord, of: str) -> Mapping[str, Histogram]:
    if of == "weights":
        return {name: each.values for name, each in record.parameters.items()}
    found = {}
    for name, layer in record.layers.items():
        histogram = layer.activations if of == "activations" else layer.gradients
        if histogram is not None:
            found[f"{name} {layer.kind}".strip()] = histogram
    return found


def _records(given: Any, where: str) -> list[EpochRecord]:
    if isinstance(given, EpochRecord):
        return [given]
    found = list(getattr(given, "records", given))
    if not found or not all(isinstance(each, EpochRecord) for each in found):
        raise ValueError(f"[{where}] records is {given!r:.80} but must be a Recorder with records, or records")
    return found


def course(records: Sequence[EpochRecord], where: str) -> Any:
    """Updates, gradients, dead and saturated units by epoch: what :meth:`Recorder.plot` does."""
    if not records:
        raise ValueError(f"[{where}] there are no records yet: give it to fit(callbacks=...)")
    figure, axes = panels(4, 5, 3.2, where, 2)
    epochs = [record.epoch + 1 for record in records]
    last = records[-1]

    def draw(axis: Any, lines: Mapping[str, Sequence[float | None]], label: str, log: bool) -> None:
        for name, values in lines.items():
            numbers = np.array([math.nan if value is None else value for value in values], np.float64)
            axis.plot(epochs, numbers, marker="o" if len(epochs) == 1 else None, label=name)
        positive = [v for values in lines.values() for v in values if v is not None and 0 < v < math.inf]
        if log and positive:
            axis.set_yscale("log")
        _finish(axis, "epoch", label, legend=bool(lines))

    matrices = [name for name, each in last.parameters.items() if len(each.shape) > 1]
    draw(
        axes[0],
        {name: [record.parameters[name].update_ratio for record in records] for name in matrices},
        "update / weight of a step",
        log=True,
    )
    axes[0].axhline(1e-3, color="0.4", linestyle=":")
    flowing = {name: layer.kind for name, layer in last.layers.items() if layer.gradient_rms is not None}
    draw(
        axes[1],
        {f"{name} {kind}": [length(record.layers[name]) for record in records] for name, kind in flowing.items()},
        "gradient of a row",
        log=True,
    )
    for axis, what in ((axes[2], "dead"), (axes[3], "saturated")):
        known = {name: layer.kind for name, layer in last.layers.items() if getattr(layer, what) is not None}
        lines = {f"{n} {kind}": [getattr(r.layers[n], what) for r in records] for n, kind in known.items()}
        draw(axis, lines, f"{what} units" if what == "dead" else "saturated activations", log=False)
        axis.set_ylim(-0.02, 1.02)
    return figure


def _finish(axis: Any, x: str, y: str, legend: bool = True) -> None:
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.grid(alpha=0.3)
    if legend:
        axis.legend(fontsize="small")
