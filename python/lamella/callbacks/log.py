"""A file with a line for each epoch."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TextIO

from lamella._atomic import write_atomically
from lamella.callbacks.callback import Callback
from lamella.callbacks.paths import check_folder, checked_path
from lamella.callbacks.run import Run
from lamella.nn import _check


class EpochLog(Callback, ABC):
    """Writes the record of each epoch as a line, at once, so that it can be followed and survives the process.

    Epochs count from the trainer's first. A trainer that goes on from a state goes on with the file that is there:
    lines of epochs that it has not seen are dropped, as after them the process was killed. A new trainer begins a new
    file.

    Parameters
    ----------
    path : str or path
    every : int, default 1
        Write after every so many epochs, and after the last: as many lines, but Python comes in more rarely.
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        where = type(self).__name__
        self.path = checked_path(path, where)
        self.every = _check.integer(where, "every", every, 1)
        self._file: TextIO | None = None
        self._first = self._written = 0  # the trainer's epochs before this call; lines of this call

    @abstractmethod
    def head(self, keys: Sequence[str]) -> str:
        """What the file begins with."""

    @abstractmethod
    def line(self, epoch: int, record: dict[str, float]) -> str:
        """An epoch's line."""

    @abstractmethod
    def epoch_of(self, line: str) -> int:
        """Its epoch; ValueError if it is none's."""

    def on_fit_begin(self, run: Run) -> None:
        """Open the file."""
        where = type(self).__name__
        check_folder(self.path, where)
        self._first, self._written = run.trainer.history.epochs, 0
        head = self.head(("epoch", *run.quantities))
        lines: list[str] = []
        if self._first > 0 and self.path.exists():
            text = self.path.read_text(encoding="utf-8")
            if not text.startswith(head):
                raise ValueError(
                    f"[{where}] {self.path} does not begin with {head.strip()!r}, so that this training cannot go on "
                    "with it: give another path"
                )
            lines = self._of_epochs_before(text[len(head) :].splitlines(keepends=True))
        write_atomically(self.path, "".join([head, *lines]).encode())
        self._file = self.path.open("a", encoding="utf-8", newline="\n")

    def _of_epochs_before(self, lines: list[str]) -> list[str]:
        """Whole lines up to where this call goes on."""
        kept = []
        for line in lines:
            try:
                if not line.endswith("\n") or self.epoch_of(line) >= self._first:
                    break
            except ValueError:
                break
            kept.append(line)
        return kept

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Write the epochs that have not been."""
        assert self._file is not None
        for number in range(self._written, run.history.epochs):
            noted = {key: run.history.get(key, [])[number : number + 1] for key in run.quantities}
            self._file.write(self.line(self._first + number, {key: (*v, math.nan)[0] for key, v in noted.items()}))
        self._written = run.history.epochs
        self._file.flush()

    def on_fit_end(self, run: Run) -> None:
        """Write what an interrupted training has seen, and close the file."""
        assert self._file is not None
        with self._file:
            self.on_epoch_end(run, 0, {})
        self._file = None
