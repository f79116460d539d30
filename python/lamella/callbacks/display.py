"""Where progress is shown: a bar in a terminal or a notebook, lines elsewhere."""

import sys
from html import escape
from typing import Any, Protocol

#: Lines where there is no terminal, beside the first epoch's.
_LINES = 10


class Display(Protocol):
    """Shows how far a training is."""

    #: Whether it shows any epoch; else ``every`` epochs, and the first and the last.
    live: bool
    every: int

    def show(self, done: float, text: str) -> None:
        """So many epochs are done."""

    def close(self) -> None:
        """It is over."""


class Bar:
    """In a terminal, by rich."""

    live, every = True, 1

    def __init__(self, epochs: int, console: Any) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        # The bar takes what the others leave of the line.
        columns = [MofNCompleteColumn(), BarColumn(None), TimeRemainingColumn(), TextColumn("{task.fields[state]}")]
        self._progress = Progress(*columns, console=console, expand=True)
        self._task = self._progress.add_task("", total=epochs, state="")
        self._progress.start()

    def show(self, done: float, text: str) -> None:
        """Move it."""
        from rich.markup import escape as plain

        self._progress.update(self._task, completed=done, state=plain(text))

    def close(self) -> None:
        """Leave it as it is."""
        self._progress.stop()


class NotebookBar:
    """In a notebook: an output of the cell that changes."""

    live, every = True, 1

    def __init__(self, epochs: int) -> None:
        from IPython.display import HTML, display

        self._epochs, self._html = epochs, HTML
        self._handle = display(HTML(self._page(0, "")), display_id=True)

    def _page(self, done: float, text: str) -> str:
        bar = f'<progress value="{done:g}" max="{self._epochs}" style="width: 20em"></progress>'
        return f"<div>{bar} {int(done)}/{self._epochs} &nbsp; {escape(text)}</div>"

    def show(self, done: float, text: str) -> None:
        """Replace it."""
        self._handle.update(self._html(self._page(done, text)))

    def close(self) -> None:
        """Leave it as it is."""


class Lines:
    """In a log or a pipe."""

    live = False

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self.every = max(1, -(-epochs // _LINES))

    def show(self, done: float, text: str) -> None:
        """One more line."""
        count = f"{int(done):>{len(str(self._epochs))}}"
        sys.stdout.write(f"epoch {count}/{self._epochs}  {text}\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing is left open."""


def in_notebook() -> bool:
    """Whether this process is a notebook's."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def display_for(epochs: int) -> Display:
    """What there is to show a training of so many epochs on."""
    if in_notebook():
        return NotebookBar(epochs)
    try:
        from rich.console import Console
    except ImportError:  # lines say the same
        return Lines(epochs)
    console = Console()
    return Bar(epochs, console) if console.is_terminal and not console.is_dumb_terminal else Lines(epochs)
