"""What looks at a training while it goes on.

>>> from lamella import callbacks
>>> trainer.fit(x, y, epochs=50, callbacks=[callbacks.ProgressBar(), callbacks.Checkpoint("run.safetensors")])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lamella.callbacks.callback import Callback
from lamella.callbacks.early_stopping import EarlyStopping
from lamella.callbacks.run import Run

if TYPE_CHECKING:
    from lamella.callbacks.checkpoint import Checkpoint
    from lamella.callbacks.csv_log import CSVLog
    from lamella.callbacks.json_lines import JSONLinesLog
    from lamella.callbacks.live import Live, LivePopulation
    from lamella.callbacks.progress import ProgressBar
    from lamella.callbacks.tensorboard import TensorBoard

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "JSONLinesLog",
    "Live",
    "LivePopulation",
    "ProgressBar",
    "Run",
    "TensorBoard",
]

#: Modules that are imported when they are first asked for: most trainings need none of them.
_LATER = {
    "CSVLog": "csv_log",
    "Checkpoint": "checkpoint",
    "JSONLinesLog": "json_lines",
    "Live": "live",
    "LivePopulation": "live",
    "ProgressBar": "progress",
    "TensorBoard": "tensorboard",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
