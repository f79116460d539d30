"""A training that shows itself in a notebook while it goes on."""

import threading
import time
from typing import Any

from lamella.callbacks.callback import Callback
from lamella.callbacks.run import Run
from lamella.nn import _check
from lamella.trainer.history import History


class Live(Callback):
    """Draws curves under the cell while :meth:`lamella.Trainer.fit` runs.

    Parameters
    ----------
    interval : float, default 0.3
        Seconds from one picture to the next, at least. Epochs that are shorter run on natively in between.

    Raises
    ------
    ImportError
        At the beginning of the training, if IPython is not installed.

    Examples
    --------
    >>> trainer.fit(x, y, epochs=50, validation_data=(xv, yv), callbacks=lm.callbacks.Live())
    """

    def __init__(self, interval: float = 0.3) -> None:
        self._interval = _check.number("Live", "interval", interval, 0)
        self._display: _Display | None = None

    def on_fit_begin(self, run: Run) -> None:
        """Make room under the cell."""
        self.every = 1
        self._display = _Display("Live", self._interval, _Training(run.history, run.epochs, done=False))

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Draw, if it is time to."""
        assert self._display is not None
        seconds = sum(run.history["seconds"]) / run.history.epochs
        if seconds * 2 < self._interval:
            self.every = max(
                1, min(int(self._interval / max(seconds, 1e-6)), epoch + 1)
            )  # a glance at a time, at first
        if self._display.is_due():
            self._display.show(_Training(run.history, run.epochs, done=False))

    def on_fit_end(self, run: Run) -> None:
        """Draw what came out."""
        if self._display is not None:
            self._display.show(_Training(run.history, run.epochs, done=True))
            self._display = None


class LivePopulation:
    """Draws how a population is doing, by epoch, while :meth:`lamella.Population.fit` runs: give it as ``on_epoch``.

    Each epoch of each model then comes by Python, which costs small models some of their speed.

    Parameters
    ----------
    interval : float, default 0.3
        Seconds from one picture to the next, at least.

    Raises
    ------
    ImportError
        At the first epoch, if IPython is not installed.

    Examples
    --------
    >>> pop.fit(x, y, epochs=50, validation_data=(xv, yv), on_epoch=lm.callbacks.LivePopulation())
    """

    def __init__(self, interval: float = 0.3) -> None:
        self._interval = _check.number("LivePopulation", "interval", interval, 0)
        self._display: _Display | None = None
        self._histories: dict[int, History] = {}
        self._lock = threading.RLock()
        self._last: threading.Timer | None = None

    def __call__(self, model: int, epoch: int, record: dict[str, float]) -> None:
        """Note an epoch of a model; called by the thread that trains it."""
        with self._lock:
            if epoch == 0 and model in self._histories:
                self._histories = {}  # another fit
            history = self._histories.setdefault(model, History())
            history.add(record)
            if self._display is None:
                self._display = _Display("LivePopulation", self._interval, self._state())
            elif self._display.is_due():
                self.draw()
            elif self._last is None:  # nobody tells when the last epoch is over
                self._last = threading.Timer(self._interval, self.draw)
                self._last.daemon = True
                self._last.start()

    def draw(self) -> None:
        """Show what is known now."""
        with self._lock:
            if self._last is not None:
                self._last.cancel()
                self._last = None
            if self._display is not None:
                self._display.show(self._state())

    def _state(self) -> Any:
        from lamella.population.history import PopulationHistory

        models = sorted(self._histories)
        copies = [History({key: list(values) for key, values in self._histories[model].items()}) for model in models]
        return PopulationHistory(copies, models=models)


class _Training:
    """A history under way, as it is shown: where there are no pictures, in words."""

    def __init__(self, history: History, epochs: int, done: bool) -> None:
        self._history, self._epochs, self._done = history, epochs, done

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.live(self._history, self._epochs, self._done)

    def __repr__(self) -> str:
        return repr(self._history)


class _Display:
    """A place under the cell, whose content is replaced at times."""

    def __init__(self, where: str, interval: float, content: Any) -> None:
        try:
            from IPython.display import display
        except ImportError as error:
            raise ImportError(
                f"[{where}] pictures in notebooks need IPython, which is not installed: pip install ipython; in a "
                "terminal, fit(on_epoch=...) can print"
            ) from error
        self._interval = interval
        self._handle = display(content, display_id=True)
        self._shown = time.monotonic()

    def is_due(self) -> bool:
        """Whether the last picture has been there for long enough."""
        return time.monotonic() - self._shown >= self._interval

    def show(self, content: Any) -> None:
        """Replace it."""
        if self._handle is not None:
            self._handle.update(content)
        self._shown = time.monotonic()
