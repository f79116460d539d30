"""Saves the trainer while it trains."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lamella.callbacks.callback import Callback
from lamella.callbacks.paths import check_folder, checked_path
from lamella.callbacks.run import Run
from lamella.nn import _check
from lamella.trainer.checkpoint import read_history
from lamella.trainer.early_stopping import check_monitor, larger_is_better

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer

_KEEP = ("last", "best", "both")


class Checkpoint(Callback):
    """Saves the trainer after epochs, to go on from with the same bits, or for its best weights.

    Each file is written by :meth:`lamella.Trainer.save`: whatever happens, it is the old one or the whole new one. It
    holds what ``patience`` has counted and its best weights, too (not how often ``on_divergence`` has cut the rates).
    Give it after callbacks that change the trainer.

    Parameters
    ----------
    path : str or path
        The file; ``.safetensors`` is the usual ending.
    every : int, default 1
        Save after every so many epochs, and after the last one.
    monitor : str, optional
        For the best: key of the record. By default "val_loss", or "loss" without validation data. Accuracies are to
        rise, everything else is to fall; among equals the first is the best.
    keep : "last", "best" or "both", default "last"
        "best": the best of the epochs after which it saves. "both": the last at ``path``, the best at
        :attr:`best_path`.

    Attributes
    ----------
    path : Path
    best_path : Path or None
        With "both" ``path`` with ".best" before its ending, with "best" ``path``.

    Raises
    ------
    FileNotFoundError
        By ``fit``, if there is no such folder.
    ValueError
        By ``fit``, if no record will have what is monitored, or the best file is none of a trainer.

    Examples
    --------
    A program that may be killed and started again:

    >>> checkpoint = callbacks.Checkpoint("run.safetensors")
    >>> done = checkpoint.resume(trainer)
    >>> trainer.fit(x, y, epochs=100 - done, patience=10, validation_data=(xv, yv), callbacks=checkpoint)
    """

    def __init__(
        self, path: str | os.PathLike[str], every: int = 1, monitor: str | None = None, keep: str = "last"
    ) -> None:
        where = "Checkpoint"
        self.path = checked_path(path, where)
        self.every = _check.integer(where, "every", every, 1)
        if keep not in _KEEP:
            raise ValueError(f"[{where}] keep is {keep!r:.80} but must be one of {', '.join(map(repr, _KEEP))}")
        if monitor is not None and not isinstance(monitor, str):
            raise TypeError(f"[{where}] monitor is {monitor!r:.80} but must be the key of a record")
        if monitor is not None and keep == "last":
            raise ValueError(f'[{where}] monitor is {monitor!r} but only the last is kept: use keep="best" or "both"')
        self.monitor, self.keep = monitor, keep
        self.best_path: Path | None = None
        if keep == "both":
            self.best_path = self.path.with_name(f"{self.path.stem}.best{self.path.suffix}")
        elif keep == "best":
            self.best_path = self.path
        self._monitored, self._best = "", float("inf")

    def resume(self, trainer: "Trainer", schedule: bool = True) -> int:
        """Have the trainer go on from the file, if there is one.

        Parameters
        ----------
        trainer : Trainer
        schedule : bool, default True
            As in :meth:`lamella.Trainer.load`.

        Returns
        -------
        int
            How many epochs the trainer has behind it.
        """
        if self.path.exists():
            trainer.load(self.path, schedule)
        return trainer.history.epochs

    def on_fit_begin(self, run: Run) -> None:
        """See whether there is something to write to, and something to compare with."""
        check_folder(self.path, "Checkpoint")
        if self.best_path is None:
            return
        self._monitored = self.monitor or ("val_loss" if "val_loss" in run.quantities else "loss")
        check_monitor(self._monitored, run.quantities, "Checkpoint")
        self._best = float("inf")
        if self.best_path.exists():
            earlier = read_history(self.best_path, "Checkpoint").get(self._monitored, [])
            if earlier and earlier == run.trainer.history.get(self._monitored, [])[: len(earlier)]:
                self._best = self._falling(earlier[-1])  # of this very training, which goes on

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Save; the best first, so that it is never older than what the last one has seen."""
        if self.best_path is not None and self._falling(record[self._monitored]) < self._best:
            run.trainer.save(self.best_path)
            self._best = self._falling(record[self._monitored])
        if self.keep != "best":
            run.trainer.save(self.path)

    def _falling(self, value: float) -> float:
        return -value if larger_is_better(self._monitored) else value
