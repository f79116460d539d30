"""Shows how training goes: a bar in a terminal, lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lamella.cli.target import Target

#: Called after each epoch (from 0) with its entries of the history.
Update = Callable[[int, dict[str, float]], None]

#: Lines where there is no terminal, beside the first epoch's.
_LINES = 10


@contextmanager
def progress(epochs: int, target: Target) -> Iterator[Update]:
    """A context that gives the function to call after each epoch.

    Parameters
    ----------
    epochs : int
    target : Target
        Says what the score is.
    """
    try:
        from rich.console import Console
    except ImportError:  # lines say the same
        yield _lines(epochs, target)
        return
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield _lines(epochs, target)
        return

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    # The bar takes what the others leave of the line.
    columns = [MofNCompleteColumn(), BarColumn(None), TimeRemainingColumn(), TextColumn("{task.fields[state]}")]
    with Progress(*columns, console=console, expand=True) as bar:
        task = bar.add_task("", total=epochs, state="")
        yield lambda epoch, record: bar.update(task, completed=epoch + 1, state=describe(record, target))


def _lines(epochs: int, target: Target) -> Update:
    def update(epoch: int, record: dict[str, float]) -> None:
        done = epoch + 1
        if epoch == 0 or done * _LINES // epochs > epoch * _LINES // epochs:
            print(f"epoch {done:>{len(str(epochs))}}/{epochs}  {describe(record, target)}", flush=True)

    return update


def describe(record: dict[str, float], target: Target) -> str:
    """Loss and score of an epoch in words."""

    def part(key: str, name: str, shown: Callable[[float], str]) -> str:
        validation = f" val {shown(record['val_' + key])}" if "val_" + key in record else ""
        return f"{name} {shown(record[key])}{validation}"

    loss = part("loss", "loss", lambda value: f"{value:.4f}")
    score = part(target.score_key, target.score_name, lambda value: f"{target.shown(value):{target.score_format}}")
    return f"{loss}  {score}"
