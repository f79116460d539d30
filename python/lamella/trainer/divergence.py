"""What to do when the loss becomes infinite or NaN."""

from dataclasses import dataclass

from lamella.nn import _check
from lamella.optim.schedule.arguments import positive


class DivergenceError(ArithmeticError):
    """The loss became infinite or NaN during :meth:`Trainer.fit`."""


@dataclass(frozen=True)
class CutOnDivergence:
    """Go back to the end of the last good epoch, divide all rates by ``factor``, and go on.

    For ``Trainer.fit(on_divergence=...)``, with or without a schedule (which goes on in proportion).

    Parameters
    ----------
    factor : float, default 10
        Above 1.
    times : int, default 3
        So often in one call of ``fit``; after that, DivergenceError.
    """

    factor: float = 10.0
    times: int = 3

    def __post_init__(self) -> None:
        if positive("CutOnDivergence", "factor", self.factor) <= 1:
            raise ValueError(f"[CutOnDivergence] factor is {self.factor!r} but must be above 1")
        _check.integer("CutOnDivergence", "times", self.times, 1)
