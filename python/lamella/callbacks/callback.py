"""What every callback is, and how a function becomes one."""

from collections.abc import Callable
from typing import Any

from lamella.callbacks.run import Run
from lamella.nn import _check

#: Called after each epoch (from 0) with its record; True ends the training.
OnEpoch = Callable[[int, dict[str, float]], bool | None]


class Callback:
    """Base class: hooks that do nothing. Override those that are wanted; :meth:`lamella.Trainer.fit` calls no others.

    Epochs in which no hook is due run in one native call. What a hook raises ends the training and comes out of
    ``fit``; the model keeps its last weights.

    Attributes
    ----------
    every : int, default 1
        :meth:`on_epoch_end` is called after every so many epochs, and after the last one. Of the class or the instance.

    Examples
    --------
    >>> class StopAtTarget(Callback):
    ...     def on_epoch_end(self, run, epoch, record):
    ...         if record["val_loss"] < 0.1:
    ...             run.stop("target")
    """

    every: int = 1

    def on_fit_begin(self, run: Run) -> None:
        """Before the first epoch, when all arguments have been checked.

        Parameters
        ----------
        run : Run
        """

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """After an epoch.

        Parameters
        ----------
        run : Run
        epoch : int
            From 0 in each call of ``fit``.
        record : dict
            Its entries of ``run.history``, which has them, too.
        """

    def on_step_end(self, run: Run, step: int, loss: float) -> None:
        """After a step, which is a batch. With this hook Python comes in between steps; the bits stay the same.

        The model is as it trains: each parameter's ``grad`` is the step's, schedule-free optimizers are at their
        training point. Layers that are set to ``eval()`` here freeze with the next epoch; all else counts at once.

        Parameters
        ----------
        run : Run
        step : int
            From 0 in each call of ``fit``.
        loss : float
            Of its batch, before the update.
        """

    def on_fit_end(self, run: Run) -> None:
        """When all is over; after an exception, too. Not if ``on_fit_begin`` raised.

        Parameters
        ----------
        run : Run
        """


class EpochFunction(Callback):
    """Calls ``function(epoch, record)`` after each epoch; if it gives True, the training ends."""

    def __init__(self, function: OnEpoch) -> None:
        self._function = function

    def on_epoch_end(self, run: Run, epoch: int, record: dict[str, float]) -> None:
        """Call it."""
        if self._function(epoch, record):
            run.stop("on_epoch")


def has(callback: Callback, hook: str) -> bool:
    """Whether it has a hook of its own, of its class or set on the instance."""
    return getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)


def callbacks_of(given: Any, on_epoch: Any, where: str) -> list[Callback]:
    """``on_epoch`` and ``callbacks`` of a fit as callbacks, in the order in which they are called; or an error."""
    if on_epoch is not None and (not callable(on_epoch) or isinstance(on_epoch, type)):
        raise TypeError(f"[{where}] on_epoch is {on_epoch!r} but must be a function of (epoch, record)")
    found: list[Callback] = [] if on_epoch is None else [EpochFunction(on_epoch)]
    if given is None:
        return found
    for each in given if isinstance(given, (list, tuple)) else (given,):
        if isinstance(each, type) or not (isinstance(each, Callback) or callable(each)):
            hint = " (an instance, not the class)" if isinstance(each, type) else ""
            raise TypeError(
                f"[{where}] callbacks has {each!r:.80} but takes Callbacks and functions of (epoch, record){hint}"
            )
        if isinstance(each, Callback):
            _check.integer(type(each).__name__, "every", each.every, 1)
        found.append(each if isinstance(each, Callback) else EpochFunction(each))
    return found
