"""A JSON object for each epoch."""

import json
import math
from collections.abc import Sequence

from lamella.callbacks.log import EpochLog


class JSONLinesLog(EpochLog):
    """Writes a JSON object a line for each epoch: ``{"epoch": 0, "loss": 0.69, ...}``.

    Numbers are written so that reading gives the same bits; what is not finite, which JSON has not, as ``null``. Each
    line is written at once.

    Parameters
    ----------
    path : str or path
        A trainer that goes on from a state goes on with the file that is there: lines of epochs that it has not seen
        are dropped, as after them the process was killed. A new trainer begins a new file.
    every : int, default 1
        Write after every so many epochs, and after the last: as many lines, but Python comes in more rarely.

    Raises
    ------
    FileNotFoundError
        By ``fit``, if there is no such folder.
    """

    def head(self, keys: Sequence[str]) -> str:
        """Nothing: each line says its keys."""
        return ""

    def line(self, epoch: int, record: dict[str, float]) -> str:
        """An object."""
        finite = {key: float(value) if math.isfinite(value) else None for key, value in record.items()}
        return json.dumps({"epoch": epoch, **finite}) + "\n"

    def epoch_of(self, line: str) -> int:
        """Of the object."""
        try:
            return int(json.loads(line)["epoch"])
        except (TypeError, KeyError) as error:
            raise ValueError(f"no epoch: {line!r:.80}") from error
