"""A table of epochs."""

from collections.abc import Sequence

from lamella.callbacks.log import EpochLog


class CSVLog(EpochLog):
    """Writes a table with a row for each epoch: ``epoch`` and the keys of its record.

    Numbers are written so that reading gives the same bits; what is not finite as ``nan``, ``inf`` or ``-inf``, which
    pandas, polars and NumPy read. Each row is written at once.

    Parameters
    ----------
    path : str or path
        A trainer that goes on from a state goes on with the table that is there: rows of epochs that it has not seen
        are dropped, as after them the process was killed. A new trainer begins a new table.
    every : int, default 1
        Write after every so many epochs, and after the last: as many rows, but Python comes in more rarely.

    Raises
    ------
    FileNotFoundError
        By ``fit``, if there is no such folder.
    ValueError
        By ``fit``, if the table that is there has other columns.
    """

    def head(self, keys: Sequence[str]) -> str:
        """Names of the columns."""
        return ",".join(keys) + "\n"

    def line(self, epoch: int, record: dict[str, float]) -> str:
        """A row."""
        return ",".join([str(epoch), *(repr(float(value)) for value in record.values())]) + "\n"

    def epoch_of(self, line: str) -> int:
        """Its first column."""
        return int(line.split(",", 1)[0])
