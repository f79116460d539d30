"""Where the time of a step goes: each op by itself, beside what the machine can do at most."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lamella.bench import limits
from lamella.bench.report import counted_threads
from lamella.optim.sgd import SGD
from lamella.reporting.blocks import Cell, Head, Section, note, table
from lamella.reporting.markup import Markup, join, tag
from lamella.reporting.number import duration, number, percent
from lamella.reporting.palette import BLUE
from lamella.reporting.subject import Part, Subject
from lamella.trainer.samples import Samples
from lamella.trainer.snapshot import Snapshot
from lamella.trainer.step import NativeStep
from lamella.trainer.trainer import Trainer

#: Multiply-adds of all repeats, about, and the most and least of those.
_MULTIPLY_ADDS = 4e9
_LEAST, _MOST = 3, 200
#: Rows of a batch, where nobody says how many were trained with.
_BATCH = 128
#: Ops that are listed, the slowest of them.
_ROWS = 60


@dataclass(frozen=True)
class Timing:
    """One op.

    Attributes
    ----------
    range : str
        "forward", "loss", "backward", "update".
    name, sizes : str
    seconds : float
        The least of some repeats.
    multiply_adds, bytes : float
        What it cannot do without.
    """

    range: str
    name: str
    sizes: str
    seconds: float
    multiply_adds: float
    bytes: float


@dataclass(frozen=True)
class StepTiming:
    """All ops of a step, in their order."""

    ops: list[Timing]
    rows: int
    threads: int
    updates: bool

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(op.seconds for op in self.ops)


def time_step(subject: Subject, part: Part) -> StepTiming | None:
    """Times a step on rows of that part; the model is then as before. None if a layer runs in Python."""
    fitted = None if subject.trainer is None else subject.trainer.fitted
    n = min(_BATCH if fitted is None else fitted["batch_size"], len(part.samples))
    batch = Samples(part.samples.x[:n], part.samples.target[:n])
    with _trainer(subject) as trainer:
        if n < trainer.model.least_rows_of_all(trainer.mode()):
            return None
        step = trainer.prepare(batch.x.shape[1], batch.target)
        if not isinstance(step, NativeStep):
            return None
        ops = step.program.ops
        updates = subject.trainer is not None
        last = step.program.num_ranges - (1 if updates else 2)
        once = step.runner.time_ops(0, last, batch.x, batch.target, 1)
        work = sum(multiply_adds for _, _, multiply_adds, _ in once)
        repeats = int(min(max(_MULTIPLY_ADDS / max(work, 1.0), _LEAST), _MOST))
        timed = step.runner.time_ops(0, last, batch.x, batch.target, repeats)
        threads = step.runner.threads(0, last, n)
    return StepTiming(
        [
            Timing(range_, name, _sizes(sizes), seconds, multiply_adds, moved)
            for (range_, name, sizes), (_, seconds, multiply_adds, moved) in zip(ops, timed, strict=False)
        ],
        n,
        threads,
        updates,
    )


def _sizes(sizes: list[int]) -> str:
    """Without flags that are off at the end."""
    while len(sizes) > 1 and sizes[-1] == 0:
        sizes = sizes[:-1]
    return " × ".join(f"{size:,}" for size in sizes)


@contextmanager
def _trainer(subject: Subject) -> Iterator[Trainer]:
    """A trainer whose steps change nothing in the end: the user's, or one of a copy of the model."""
    if subject.trainer is None:
        model = copy.deepcopy(subject.model).train()
        yield Trainer(model, copy.deepcopy(subject.loss), SGD(model.parameters(), lr=0.0))
        return
    trainer = subject.trainer
    modes = [(module, module.training) for _, module in trainer.model.named_modules()]
    optimizing = trainer.optimizer.training
    before = Snapshot(trainer)
    try:
        trainer.model.train()
        trainer.ready()
        yield trainer
    finally:
        for module, mode in modes:
            module.training = mode
        if not optimizing:
            trainer.optimizer.eval()
        before.restore()


def timing(subject: Subject) -> Section | None:
    """The section."""
    part = subject.learned
    if part is None or not subject.timing or not subject.model.num_parameters:
        return None
    found = time_step(subject, part)
    if found is None:
        return None
    most = limits.measure(found.threads)
    # Where others used the machine while its limit was measured, ops may have been faster.
    fastest = max([2e-9 * most.multiply_adds_per_second, *(_rate(op) for op in found.ops)])
    listed = sorted(sorted(range(len(found.ops)), key=lambda index: -found.ops[index].seconds)[:_ROWS])
    rows = [_row(found.ops[index], found.seconds, fastest) for index in listed]
    products = [op for op in found.ops if op.multiply_adds]
    total = sum(op.multiply_adds for op in products)
    rate = 2e-9 * total / found.seconds
    speed = f"{number(fastest, 3)} GFLOP/s in float32, {1e-9 * most.copy_bytes_per_second:.3g} GB/s"
    threads = counted_threads(found.threads)
    what = "step (forward, loss, backward, update)" if found.updates else "forward, loss and backward"
    sentence = (
        f"One {what} of {found.rows:,} rows on {threads} takes {duration(found.seconds)}, all ops by themselves: "
        f"{number(rate, 3)} GFLOP/s, {percent(rate / fastest)} of what {threads} of this machine can do at most "
        f"({speed} for copies that no cache holds)."
    )
    heads = [
        Head("op", False),
        Head("sizes", False),
        Head("time"),
        Head("share"),
        Head("GFLOP/s"),
        Head("of limit", title="of the multiply-adds that these threads can do at most"),
        Head("GB/s"),
    ]
    few = f"The slowest {_ROWS} of {len(found.ops)} ops. " if len(found.ops) > _ROWS else ""
    return Section(
        "timing",
        "Time by op",
        join(
            tag("p", sentence),
            table(heads, rows, "Ops of a step, in their order", class_="timing"),
            note(
                f"{few}The least of some repeats, measured when this page was written, all threads waiting for each "
                "other before and after each op, so that the whole is a little faster than the sum. Multiply-adds and "
                "bytes are what an op cannot do without; what caches hold moves faster than a copy of what they do not."
            ),
        ),
    )


def _rate(op: Timing) -> float:
    """GFLOP/s."""
    return 2e-9 * op.multiply_adds / op.seconds if op.seconds > 0 else 0.0


def _row(op: Timing, whole: float, fastest: float) -> list[Markup | Cell | str]:
    share = op.seconds / whole if whole > 0 else 0.0
    rate = _rate(op)
    bar = tag("span", style=f"--share:{share:.3f};background:{BLUE}", class_="bar")
    return [
        join(tag("span", op.range, class_="tag"), " ", op.name.replace("_", " ")),
        op.sizes,
        duration(op.seconds),
        Cell(join(bar, tag("span", percent(share))), {"class_": "n share"}),
        number(rate, 3) if op.multiply_adds else "–",
        percent(rate / fastest) if op.multiply_adds else "–",
        number(1e-9 * op.bytes / op.seconds, 3) if op.seconds > 0 else "–",
    ]
