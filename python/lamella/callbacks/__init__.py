"""What looks at a training while it goes on.

>>> from lamella import callbacks
>>> trainer.fit(x, y, epochs=50, callbacks=[callbacks.ProgressBar(), callbacks.Checkpoint("run.safetensors")])
"""

from typing import TYPE_CHECKING

from lamella._later import later
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

__getattr__ = later(
    __name__,
    {
        "checkpoint": ("Checkpoint",),
        "csv_log": ("CSVLog",),
        "json_lines": ("JSONLinesLog",),
        "live": ("Live", "LivePopulation"),
        "progress": ("ProgressBar",),
        "tensorboard": ("TensorBoard",),
    },
)


def __dir__() -> list[str]:
    return __all__
