"""A training as callbacks see it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamella.nn.loss import Loss
    from lamella.nn.module import Module
    from lamella.optim.optimizer import Optimizer
    from lamella.trainer.history import History
    from lamella.trainer.samples import Samples
    from lamella.trainer.trainer import Trainer


@dataclass(frozen=True, eq=False)
class Run:
    """One call of :meth:`lamella.Trainer.fit`, given to each hook of a :class:`Callback`.

    Attributes
    ----------
    trainer : Trainer
    samples : Samples or None
        Checked arrays of training rows, ``x``, ``target`` and perhaps ``weight``, as kernels take them; None where they
        are not in memory.
    held_out : Samples or None
        Those of the validation data.
    epochs : int
        Asked for.
    steps_per_epoch : int or None
        None where epochs differ, or it is not known.
    quantities : tuple of str
        Keys of an epoch's record.
    history : History
        Of this call, so far.
    """

    trainer: "Trainer"
    samples: "Samples | None"
    held_out: "Samples | None"
    epochs: int
    steps_per_epoch: int | None
    quantities: tuple[str, ...]
    history: "History"

    @property
    def model(self) -> "Module":
        """That is trained."""
        return self.trainer.model

    @property
    def optimizer(self) -> "Optimizer":
        """Of its parameters."""
        return self.trainer.optimizer

    @property
    def loss(self) -> "Loss":
        """That is to fall."""
        return self.trainer.loss

    def stop(self, reason: str) -> None:
        """End the training: after this epoch, or from ``on_step_end`` after this step.

        Parameters
        ----------
        reason : str
            What ``history.stopped`` says then; the first that is given counts.
        """
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"[Run.stop] reason is {reason!r:.80} but must be a text that says why")
        if self.history.stopped is None:
            self.history.stopped = reason
