"""What to do when the loss becomes infinite or NaN."""

from dataclasses import dataclass

from lamella.nn import _check


class DivergenceError(ArithmeticError):
    """The loss became infinite or NaN during :meth:`Trainer.fit`."""


@dataclass(frozen=True)
class CutOnDivergence:
    """Go back to the end of the last good epoch, divide all rates by ``factor``, and go on.

    For ``Trainer.fit(on_divergence=...)``, with or without a schedule (which goes on in proportion). Where those
    weights diverge again, or at once, it goes back one epoch more.

    Parameters
    ----------
    factor : float, default 10
        Above 1.
    times : int, default 3
        So often in one call of ``fit``; after that, DivergenceError.
    growth : float, default 10
        An epoch's loss that is finite counts as divergence, too, if it is so many times the loss at the beginning (the
        training data's before this call, or the first epoch's in the trainer's history, whichever is larger). Above 1.
    """

    factor: float = 10.0
    times: int = 3
    growth: float = 10.0

    def __post_init__(self) -> None:
        for name, value in (("factor", self.factor), ("growth", self.growth)):
            if _check.positive("CutOnDivergence", name, value) <= 1:
                raise ValueError(f"[CutOnDivergence] {name} is {value!r} but must be above 1")
        _check.integer("CutOnDivergence", "times", self.times, 1)


def ceiling(loss: float, times: float) -> float:
    """``times`` the loss; as far above it where it is negative."""
    return loss + (times - 1) * abs(loss)
