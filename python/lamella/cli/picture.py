"""The learning curve as a picture."""

import io
from collections.abc import Callable, Mapping

from lamella.cli.errors import needs_extra
from lamella.cli.target import Target

_INSTEAD = ", or leave the picture out: --no-picture"


def check_picture() -> None:
    """CliError if matplotlib is not installed: better known before the training than after it."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise needs_extra("matplotlib", "the picture of the learning curve", _INSTEAD) from error


def learning_curve(history: Mapping[str, list[float]], target: Target, kept: int) -> bytes:
    """Loss and score over the epochs, training and validation, as a PNG.

    Parameters
    ----------
    history : mapping of str to list of float
        As ``Trainer.fit`` returns it.
    target : Target
        Says what the score is.
    kept : int
        The epoch (from 0) whose weights were kept: marked.
    """
    # Figure and canvas directly: pyplot would choose a backend and keep state for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    unit = "" if target.task == "classification" else " (in the target's units)"
    panels: list[tuple[str, str, Callable[[float], float]]] = [
        ("loss", "loss", float),
        (target.score_key, target.score_name + unit, target.shown),
    ]
    epochs = range(1, len(history["loss"]) + 1)
    marker = "o" if len(epochs) == 1 else ""  # one point makes no line
    for axes, (key, label, shown) in zip(figure.subplots(1, 2), panels, strict=True):
        for prefix, name in (("", "training"), ("val_", "validation")):
            if prefix + key in history:
                axes.plot(epochs, [shown(value) for value in history[prefix + key]], label=name, marker=marker)
        axes.axvline(kept + 1, color="0.6", linestyle=":", label=f"kept: epoch {kept + 1}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle("Learning curve (training: mean over each epoch, as it learned)")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()
