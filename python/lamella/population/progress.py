"""Shows how the training of many models goes."""

import time
from threading import Lock
from typing import Any

from lamella.callbacks.callback import Callback
from lamella.callbacks.display import Display, display_for
from lamella.callbacks.pace import PAUSE, Pace
from lamella.callbacks.run import Run


class Tick(Callback):
    """Tells how far one model is."""

    def __init__(self, progress: "Progress", epochs: int) -> None:
        self.epochs, self.done, self._progress = epochs, 0, progress
        self._pace: Pace | None = None

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """One that is looked at; the first time says how long they take."""
        self.done = epoch + 1
        self._pace = self._pace or Pace()
        self.every = self._pace.every(self.done)
        self._progress.show()

    def over(self) -> None:
        """It is at its end, wherever that was."""
        self.done = self.epochs
        self._progress.show()


class Progress:
    """Epochs of all models together, on one display. A context for the training."""

    def __init__(self) -> None:
        self._ticks: list[Tick] = []
        self._lock = Lock()  # models are trained by threads that call here
        self._display: Display | None = None
        self._next = 0.0  # when, or after how many epochs, it is shown again

    def tick(self, epochs: int) -> Tick:
        """For one more model, of so many epochs."""
        self._ticks.append(Tick(self, epochs))
        return self._ticks[-1]

    def __enter__(self) -> "Progress":
        self._display = display_for(sum(tick.epochs for tick in self._ticks))
        return self

    def show(self) -> None:
        """Take note of what the ticks say."""
        with self._lock:
            if self._display is None:
                return
            done = sum(tick.done for tick in self._ticks)
            ended = sum(tick.done == tick.epochs for tick in self._ticks)
            now = time.perf_counter() if self._display.live else float(done)
            if now >= self._next or ended == len(self._ticks):
                self._next = now + (PAUSE if self._display.live else self._display.every)
                self._display.show(done, f"{ended} of {len(self._ticks)} models")

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            if self._display is not None:
                self._display.close()
            self._display = None
