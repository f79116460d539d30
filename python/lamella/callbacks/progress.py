"""Shows how training goes."""

import time
from collections.abc import Callable

from lamella.callbacks.callback import Callback
from lamella.callbacks.display import Display, display_for
from lamella.callbacks.pace import PAUSE, Pace
from lamella.callbacks.run import Run
from lamella.nn import _check

#: What of a record is not shown.
_SILENT = ("seconds", "lr", "penalty")


class ProgressBar(Callback):
    """Shows how training goes: a bar in a terminal (by rich, if it is installed) or a notebook, some lines elsewhere.

    A bar moves about ten times a second: epochs that are shorter run natively in between.

    Parameters
    ----------
    describe : callable, optional
        ``describe(record)`` gives the text beside the bar; by default loss and score.
    steps : bool, default False
        Have the bar move within epochs, too: for long ones, as Python then comes in after each step.

    Examples
    --------
    >>> trainer.fit(x, y, epochs=20, callbacks=callbacks.ProgressBar())
    """

    def __init__(self, describe: Callable[[dict[str, float]], str] | None = None, steps: bool = False) -> None:
        if describe is not None and not callable(describe):
            raise TypeError(f"[ProgressBar] describe is {describe!r:.80} but must be a function of a record")
        self._describe = describe or description
        self._display: Display | None = None
        self._text = ""
        self._pace = Pace()
        self._moved = 0.0  # when
        if _check.flag("ProgressBar", "steps", steps):
            self.on_step_end = self._show_step  # type: ignore[method-assign]

    def on_fit_begin(self, run: Run) -> None:
        """Show that nothing is done yet."""
        self.every, self._text = 1, ""
        self._pace, self._moved = Pace(), time.perf_counter()
        self._display = display_for(run.epochs)

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Show the epoch."""
        assert self._display is not None
        self._text, self._moved = self._describe(record), time.perf_counter()
        self._display.show(epoch + 1, self._text)
        self.every = self._pace.every(epoch + 1) if self._display.live else self._display.every

    def _show_step(self, run: Run, step: int, loss: float) -> None:
        assert self._display is not None
        now = time.perf_counter()
        if not self._display.live or run.steps_per_epoch is None or now - self._moved < PAUSE:
            return
        self._moved = now
        self._display.show((step + 1) / run.steps_per_epoch, self._text or f"loss {loss:#.4g}")

    def on_fit_end(self, run: Run) -> None:
        """Leave what was shown last."""
        if self._display is not None:
            self._display.close()
        self._display = None


def description(record: dict[str, float]) -> str:
    """Loss and score of an epoch in words."""
    parts = []
    for key, value in record.items():
        if not key.startswith("val_") and key not in _SILENT:
            held_out = f" val {record['val_' + key]:#.4g}" if "val_" + key in record else ""
            parts.append(f"{key} {value:#.4g}{held_out}")
    return "  ".join(parts)
