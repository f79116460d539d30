"""What keeps a network from learning a few rows by heart."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lamella._arrays import Array
from lamella.diagnosis.findings import Finding
from lamella.diagnosis.inspection import examine
from lamella.diagnosis.reach import Reach
from lamella.nn.activation import Activation
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.nn.replay import Replay
from lamella.trainer.samples import Samples

if TYPE_CHECKING:
    from lamella.diagnosis.overfit import Attempt

#: Features whose size is beyond this ask for standardising.
_LARGE = 100.0
#: The loss was still falling if its last fifth lowered it by this share.
_FALLING = 0.1
#: What every activation gives, at most and at least, it gives somewhere here.
_RANGE = np.concatenate([np.linspace(-50, 50, 2001), [-1e6, 1e6]])[:, None]


def obstacles(
    first: Module, trained: Module, loss: Loss, samples: Samples, attempts: "Sequence[Attempt]"
) -> Iterator[Finding]:
    """What can be seen in the model as it began, and as its best attempt left it, most likely reason first."""
    began = examine(first, loss, samples, None, 10, 0.05).findings
    told = {(finding.kind, finding.where) for finding in began}
    yield from began
    if all(attempt.diverged for attempt in attempts):
        yield Finding(
            "diverged",
            "",
            attempts[0].rate,
            "the loss became NaN or infinite at every rate",
            ("standardise features and targets", "smaller rates: lr=1e-5", "lm.check_gradients(model, x, y, loss)"),
        )
        return
    outputs = trained.predict(samples.x)
    if len(samples) > 1 and float(np.ptp(outputs, axis=0).max()) <= 1e-6 * max(1.0, float(np.abs(outputs).max())):
        yield Finding(
            "constant outputs",
            "",
            0.0,
            "the outputs are the same for all rows, whatever the features",
            ("look for a layer whose units are all dead", "look whether features differ from row to row"),
        )
    later = examine(trained, None, samples, None, 10, 0.05).findings  # of units: what was learned has no gradient left
    yield from (finding for finding in later if (finding.kind, finding.where) not in told)
    yield from _course(first, samples, attempts)


def mistakes(model: Module, loss: Loss, samples: Samples, bounds: Reach) -> Iterator[Finding]:
    """What is wrong with model, loss and data whether or not they can be learned."""
    yield from _outputs(model, loss, samples)
    if bounds.conflicts:
        yield Finding(
            "conflicting rows",
            "",
            bounds.floor,
            "rows with the same features have different targets",
            ("look for wrong labels", "add features that tell these rows apart"),
        )
    yield from _scale(samples)


def _outputs(model: Module, loss: Loss, samples: Samples) -> Iterator[Finding]:
    """The last layer does not suit the loss or the targets."""
    last = [module for _, module in model.named_modules()][-1]
    if last.gives_probabilities and loss.takes_logits:
        yield Finding(
            "probabilities for logits",
            "",
            0.0,
            f"the model ends with a {type(last).__name__}, but {type(loss).__name__} takes logits and applies its own",
            (f"leave the {type(last).__name__} out; loss.probabilities(outputs) gives probabilities",),
        )
    if not isinstance(last, Activation):
        return
    if loss.takes_logits:
        yield Finding(
            "activation before logits",
            "",
            0.0,
            f"the model ends with {type(last).__name__}, but {type(loss).__name__} takes logits: any numbers",
            (f"leave the {type(last).__name__} at the end out",),
        )
        return
    if samples.target.dtype.kind != "f":
        return
    low, high = _bounds(last, samples.x.dtype)
    least, most = float(samples.target.min()), float(samples.target.max())
    slack = 1e-6 * max(1.0, high - low)
    if least < low - slack or most > high + slack:
        yield Finding(
            "out of reach",
            "",
            max(low - least, most - high),
            f"targets are in [{least:.4g}, {most:.4g}], but {type(last).__name__} at the end gives "
            f"[{low:.4g}, {high:.4g}]",
            ("leave the activation at the end out", "scale the targets"),
        )


def _bounds(last: Activation, dtype: "np.dtype[np.float64]") -> tuple[float, float]:
    replay = Replay(last, last.store(), 1, training=False)
    values: Array = replay.forward(_RANGE.astype(dtype))
    return float(np.nanmin(values)), float(np.nanmax(values))


def _scale(samples: Samples) -> Iterator[Finding]:
    largest = np.abs(samples.x).max(axis=0)
    column = int(np.argmax(largest))
    if largest[column] > _LARGE:
        yield Finding(
            "data out of scale",
            str(column),
            float(largest[column]),
            f"column {column} of x is as large as {largest[column]:.3g}; a network learns best from features of size 1",
            ("standardise: (x - mean) / deviation of the training data, the same on all other data",),
        )
    if len(samples.x) > 1 and not np.ptp(samples.x, axis=0).any():
        yield Finding("constant features", "", 0.0, "all rows have the same features", ("look at how x is made",))


def _course(model: Module, samples: Samples, attempts: "Sequence[Attempt]") -> Iterator[Finding]:
    """How the best attempt went."""
    best = max(attempts, key=lambda attempt: attempt.share)
    losses = best.losses
    late = losses[int(0.8 * len(losses)) :]
    if losses.min() >= losses[0]:
        text, advice = (
            "the loss does not fall at any rate",
            ("lm.check_gradients(model, x, y, loss)", "other rates: lr="),
        )
        yield Finding("not learning", "", float(losses[0]), text, advice)
    elif not best.diverged and late[-1] < late[0] - _FALLING * abs(late[0]):
        yield Finding(
            "slow",
            "",
            best.share,
            f"the loss was still falling after {len(losses)} steps, at a rate of {best.rate:g}",
            ("more steps: steps=10_000", "other rates: lr=", "standardised features; batch normalization"),
        )
    else:
        wanted = samples.target.size
        few = f", and has {model.num_parameters:,} parameters for {wanted:,} targets"
        yield Finding(
            "stuck",
            "",
            best.share,
            f"the loss stays where it is{few if model.num_parameters < 4 * wanted else ''}",
            (
                "a larger network: more units or layers",
                "look at the rows: are the labels right?",
                "lm.check_gradients(model, x, y, loss)",
            ),
        )
