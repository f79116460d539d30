"""Event files for TensorBoard."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.callbacks.callback import Callback
from lamella.callbacks.paths import checked_path
from lamella.callbacks.run import Run
from lamella.nn import _check


class TensorBoard(Callback):
    """Writes what ``tensorboard --logdir`` shows: each quantity by epoch, and histograms if wanted.

    Quantities of training and validation data share a chart: ``loss/train`` and ``loss/validation``. Epochs count from
    the trainer's first; what was logged in that folder of epochs that the trainer has not seen is hidden, as where it
    goes on from a state, or is a new one.

    Parameters
    ----------
    folder : str or path
        Of this run; a folder beside others for TensorBoard to compare. Made if need be.
    every : int, default 1
        Write after every so many epochs, and after the last: all of them, but Python comes in more rarely.
    histograms : bool, default False
        Of each parameter and its gradient (of the last batch), whenever it writes.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], every: int = 1, histograms: bool = False) -> None:
        where = "TensorBoard"
        self.folder = checked_path(folder, where)
        self.every = _check.integer(where, "every", every, 1)
        self.histograms = _check.flag(where, "histograms", histograms)
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ImportError(
                f'[{where}] it needs tensorboardX, which is not installed: pip install "lamella[tensorboard]"'
            ) from error
        self._make: Any = SummaryWriter
        self._writer: Any = None
        self._first = self._written = 0  # the trainer's epochs before this call; epochs of this call

    def on_fit_begin(self, run: Run) -> None:
        """Open an event file."""
        self._first, self._written = run.trainer.history.epochs, 0
        suffix = f".{self._first:08d}"  # or two files of one second would be one
        self._writer = self._make(str(self.folder), purge_step=self._first, filename_suffix=suffix)

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Write the epochs that have not been."""
        self._write_scalars(run)
        if self.histograms:
            for tag, values in self._arrays(run):
                finite = values[np.isfinite(values)]
                if len(finite) > 0:
                    self._writer.add_histogram(tag, finite, self._first + epoch)
        self._writer.flush()

    def _write_scalars(self, run: Run) -> None:
        for key, values in run.history.items():
            for number in range(self._written, len(values)):
                self._writer.add_scalar(_tag(key, run), values[number], self._first + number)
        self._written = run.history.epochs

    def _arrays(self, run: Run) -> Iterator[tuple[str, Array]]:
        for name, parameter in run.model.named_parameters():
            yield f"weights/{name}", parameter.data
            yield f"gradients/{name}", parameter.grad

    def on_fit_end(self, run: Run) -> None:
        """Write what an interrupted training has seen, and close the file."""
        try:
            self._write_scalars(run)
        finally:
            self._writer.close()
            self._writer = None


def _tag(key: str, run: Run) -> str:
    """Quantities that validation has, too, are shown with it."""
    if key.startswith("val_"):
        return f"{key[4:]}/validation"
    return f"{key}/train" if key in ("loss", run.loss.score_name) else key
