"""
Native kernels, programs and their runner. Internal: use lamella's Python API.
"""

from __future__ import annotations
import collections.abc
import enum
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "Arena",
    "Bf16Way",
    "DType",
    "EarlyStopping",
    "Ending",
    "Memory",
    "Operand",
    "Pace",
    "Program",
    "QuickStep",
    "Runner",
    "Stretch",
    "Targets",
    "bf16_ways",
    "call_kernel",
    "compiler",
    "encode_labels",
    "epoch_steps",
    "find_bad_index",
    "find_unfit",
    "get_num_threads",
    "isa",
    "isas",
    "kernel_names",
    "limit_threads",
    "permutation",
    "predict_side_by_side",
    "set_num_threads",
    "share_all_work",
    "sum_chunks",
    "train_side_by_side",
    "worthwhile_threads",
]

class Bf16Way(enum.IntEnum):
    """
    By which instructions bfloat16 is multiplied.
    """

    amx = ...
    amx_emulated = ...
    avx512 = ...
    emulated = ...

class DType(enum.Enum):
    """
    Element type of a model's arrays.
    """

    float32 = ...
    float64 = ...

class Arena(enum.Enum):
    """
    Where an operand lies.
    """

    fixed = ...
    grads = ...
    input = ...
    none = ...
    output = ...
    rows = ...
    scalars = ...
    slots = ...
    state = ...
    target = ...
    values = ...
    weight = ...

class Operand:
    """
    An arena, an offset and a size: where an op finds its data.
    """
    def __eq__(self, arg0: typing.Any) -> bool: ...
    def __hash__(self) -> int: ...
    def __init__(
        self,
        arena: Arena,
        offset: typing.SupportsInt | typing.SupportsIndex = 0,
        size: typing.SupportsInt | typing.SupportsIndex = 1,
        slot: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None: ...
    @property
    def arena(self) -> Arena: ...
    @property
    def offset(self) -> int: ...
    @property
    def size(self) -> int: ...

class Program:
    """
    A flat list of ops, in ranges.
    """
    def __init__(self, dtype: DType) -> None: ...
    def __str__(self) -> str: ...
    def append(
        self,
        kernel: str,
        operands: collections.abc.Sequence[Operand],
        sizes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        hyper: typing.SupportsInt | typing.SupportsIndex = -1,
    ) -> None:
        """
        Appends an op to the last range.
        """
    def finalize(self) -> None:
        """
        Fuses ops, lays out buffers, places barriers.
        """
    def fixed(self, count: typing.SupportsInt | typing.SupportsIndex) -> Operand:
        """
        A buffer of `count` elements.
        """
    def keep(self, buffer: Operand) -> None:
        """
        This row buffer is touched between replays, too.
        """
    def open_range(self, name: str) -> int:
        """
        Starts a range; returns its number.
        """
    def rows(self, width: typing.SupportsInt | typing.SupportsIndex) -> Operand:
        """
        A buffer of `width` elements a row.
        """
    def tick(self, scalar: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        The last range counts this scalar up at each replay.
        """
    @property
    def dtype(self) -> DType: ...
    @property
    def num_ranges(self) -> int: ...
    @property
    def ops(self) -> list[tuple[str, str, list[int]]]:
        """
        (range, name, sizes) of each op.
        """
    @property
    def row_elements(self) -> int: ...

class Memory:
    """
    Values, gradients, slots, state and scalars of one model.
    """
    def __init__(
        self,
        dtype: DType,
        values: typing.SupportsInt | typing.SupportsIndex,
        state: typing.SupportsInt | typing.SupportsIndex,
        scalars: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def add_scalars(self, count: typing.SupportsInt | typing.SupportsIndex) -> int: ...
    def add_slots(
        self, count: typing.SupportsInt | typing.SupportsIndex, elements: typing.SupportsInt | typing.SupportsIndex = -1
    ) -> int: ...
    def release_scalars(
        self, first: typing.SupportsInt | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex
    ) -> None: ...
    def release_slots(
        self, first: typing.SupportsInt | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex
    ) -> None: ...
    def size(self, arena: Arena) -> int: ...
    def view(
        self,
        arena: Arena,
        slot: typing.SupportsInt | typing.SupportsIndex,
        offset: typing.SupportsInt | typing.SupportsIndex,
        shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    ) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
        """
        A NumPy view, without a copy.
        """
    @property
    def dtype(self) -> DType: ...

class Pace:
    """
    Whether a team of threads gets the cores that it was made for; for tests.
    """
    def __init__(self) -> None: ...
    def choose(
        self, wanted: typing.SupportsInt | typing.SupportsIndex, now: typing.SupportsFloat | typing.SupportsIndex
    ) -> int:
        """
        Threads for the next replay.
        """
    def note(
        self,
        threads: typing.SupportsInt | typing.SupportsIndex,
        now: typing.SupportsFloat | typing.SupportsIndex,
        seconds: typing.SupportsFloat | typing.SupportsIndex,
        work: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None:
        """
        What it took.
        """

class Runner:
    """
    Replays a program against a memory.
    """
    def __init__(self, program: Program, memory: Memory) -> None: ...
    def blocks(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
        x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        out: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        block: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Forward over all rows of x into out, in blocks.
        """
    def exchange(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
        x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        into: Operand,
        from_: Operand,
        width: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
        """
        Copies x into a row buffer, replays ranges, returns a copy of another row buffer.
        """
    def reserve(self, n: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Makes room for n rows.
        """
    def run(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
        n: typing.SupportsInt | typing.SupportsIndex,
        input: typing.Any = None,
        target: typing.Any = None,
        output: typing.Any = None,
    ) -> None:
        """
        Replays ranges first..last for n rows.
        """
    def step(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
        x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        target: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        weight: typing.Any,
        result: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[float, float, float, float]:
        """
        Replays ranges on a batch; (loss, score, weight of the loss, weight of the score).
        """
    def threads(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
        n: typing.SupportsInt | typing.SupportsIndex,
    ) -> int:
        """
        How many threads a replay of ranges first..last for n rows gets.
        """
    def time_ops(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        last: typing.SupportsInt | typing.SupportsIndex,
        x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        target: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        repeats: typing.SupportsInt | typing.SupportsIndex,
    ) -> list[tuple[str, float, float, float]]:
        """
        Replays ranges op by op; (name, least seconds, multiply-adds, bytes) of each.
        """
    def view(
        self,
        buffer: Operand,
        n: typing.SupportsInt | typing.SupportsIndex,
        width: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
        """
        A NumPy view of a row buffer, the runner's own until reserve() makes more room.
        """
    @property
    def bytes(self) -> int: ...
    @property
    def capacity(self) -> int: ...

class Targets(enum.Enum):
    """
    What a loss asks of its targets.
    """

    amounts = ...
    labels = ...
    shares = ...
    signs = ...
    values = ...

class QuickStep:
    """
    A training step on arrays that need no conversion.
    """
    def __call__(self, x: typing.Any, y: typing.Any, weight: typing.Any = None) -> float | None:
        """
        The loss; None, and nothing done, if x, y or weight is not as the kernels take it.
        """
    def __init__(
        self,
        runner: Runner,
        width: typing.SupportsInt | typing.SupportsIndex,
        least_rows: typing.SupportsInt | typing.SupportsIndex,
        targets: Targets,
        target_width: typing.SupportsInt | typing.SupportsIndex,
        ignored: typing.SupportsInt | typing.SupportsIndex | None,
        result: typing.SupportsInt | typing.SupportsIndex,
        indices: collections.abc.Sequence[
            tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]
        ],
    ) -> None: ...

class EarlyStopping:
    """
    Counts epochs without improvement; keeps the best one.
    """
    def __init__(
        self,
        memory: Memory,
        kept: collections.abc.Sequence[Operand],
        patience: typing.SupportsInt | typing.SupportsIndex,
        min_delta: typing.SupportsFloat | typing.SupportsIndex,
        rises: bool,
        small_gains: bool,
    ) -> None: ...
    def finish(self) -> None:
        """
        Goes back to the best epoch, if it was not the last.
        """
    def stops(self, value: typing.SupportsFloat | typing.SupportsIndex) -> bool:
        """
        Takes note of an epoch; whether it was one too many.
        """
    def take(
        self,
        best: typing.SupportsFloat | typing.SupportsIndex,
        seen: typing.SupportsInt | typing.SupportsIndex,
        best_epoch: typing.SupportsInt | typing.SupportsIndex,
        waited: typing.SupportsInt | typing.SupportsIndex,
        copies: typing.Any,
    ) -> None:
        """
        Goes on from another one's count and copies.
        """
    @property
    def best_epoch(self) -> int | None: ...
    @property
    def copies(self) -> numpy.typing.NDArray[numpy.uint8] | None:
        """
        What it keeps of the best epoch, as bytes; None: there was none.
        """
    @property
    def count(self) -> tuple[float, int, int, int]:
        """
        Lowest value (with the sign changed if it is to rise), epochs seen, the best one or -1, epochs since a gain.
        """
    @property
    def over(self) -> bool:
        """
        Whether the last epoch was one too many.
        """

class Ending(enum.Enum):
    """
    How an epoch ended.
    """

    complete = ...
    diverged = ...
    interrupted = ...

class Stretch:
    """
    Some epochs of one model that need nothing from Python in between.
    """
    def __init__(
        self,
        runner: Runner,
        x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        y: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        weight: typing.Any,
        rows: typing.Any,
        shuffle: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex] | None,
        mixing: typing.Any,
        epochs: typing.SupportsInt | typing.SupportsIndex,
        batch_size: typing.SupportsInt | typing.SupportsIndex,
        least: typing.SupportsInt | typing.SupportsIndex,
        drop_last: bool,
        accumulate: typing.SupportsInt | typing.SupportsIndex,
        result: typing.SupportsInt | typing.SupportsIndex,
        rate_place: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        rows: which it takes, or None; shuffle: (seed, number of the first epoch), or None: as they lie; mixing: (partner, share) of each row.
        """
    def be_part(self, before: Stretch | None, more: bool) -> None:
        """
        Its rows are a part of one epoch, whose quantities so far it notes; more: other rows follow.
        """
    def penalize(
        self,
        runner: Runner | None,
        place: typing.SupportsInt | typing.SupportsIndex,
        totals: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    ) -> None:
        """
        Notes what is added to the loss: a scalar after a run of that program, and scalars that layers add to.
        """
    def run(self) -> None:
        """
        Trains, alone on the model's memory.
        """
    def stop_early(self, stopping: EarlyStopping, monitored: str) -> None:
        """
        Ends when patience does; monitored: the quantity in records.
        """
    def timetable(self, places: typing.Any, values: typing.Any, by_step: bool) -> None:
        """
        Scalars to set before each step, or each epoch.
        """
    def validate(
        self,
        forward: Runner,
        loss: Runner,
        exchange: Runner | None,
        outputs: typing.SupportsInt | typing.SupportsIndex,
        result: typing.SupportsInt | typing.SupportsIndex,
        x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        y: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        weight: typing.Any,
        rows: typing.Any,
    ) -> None:
        """
        Measures held-out rows after each epoch.
        """
    @property
    def ending(self) -> Ending: ...
    @property
    def last(self) -> tuple[float, int]:
        """
        Loss and steps of the last epoch, complete or not.
        """
    @property
    def records(self) -> dict[str, list[float]]: ...
    @property
    def stopped(self) -> bool: ...

def bf16_ways() -> list[Bf16Way]:
    """
    Those to be had here, the best last.
    """

def call_kernel(
    name: str,
    operands: collections.abc.Sequence[typing.Any],
    n: typing.SupportsInt | typing.SupportsIndex,
    sizes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    hyper: typing.Any,
    dtype: DType,
    threads: typing.SupportsInt | typing.SupportsIndex = 1,
    repeats: typing.SupportsInt | typing.SupportsIndex = 1,
) -> None:
    """
    Runs one kernel on NumPy arrays.
    """

def compiler() -> str:
    """
    Compiler that built the kernels.
    """

def encode_labels(
    labels: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
    classes: typing.SupportsInt | typing.SupportsIndex,
    ignored: typing.SupportsInt | typing.SupportsIndex | None,
    where: str,
) -> numpy.typing.NDArray[numpy.int32]:
    """
    Checks class labels and converts them to int32, those to be ignored to -1.
    """

def epoch_steps(
    rows: typing.SupportsInt | typing.SupportsIndex,
    batch_size: typing.SupportsInt | typing.SupportsIndex,
    least: typing.SupportsInt | typing.SupportsIndex,
    drop_last: bool,
) -> int:
    """
    Steps of an epoch.
    """

def find_bad_index(
    x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
    columns: collections.abc.Sequence[
        tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]
    ],
) -> tuple[int, int, int] | None:
    """
    (row, column, count) of the first value that is no whole number in [0, count); columns: (column, count).
    """

@typing.overload
def find_unfit(kind: Targets, values: numpy.typing.NDArray[numpy.float32]) -> int:
    """
    Index of the first element that is not of that kind, in an array read row by row; -1: none.
    """

@typing.overload
def find_unfit(kind: Targets, values: numpy.typing.NDArray[numpy.float64]) -> int:
    """
    Index of the first element that is not of that kind, in an array read row by row; -1: none.
    """

def get_num_threads() -> int:
    """
    Most threads that a call may use.
    """

def isa() -> str:
    """
    Instruction set whose kernels are in use.
    """

def isas() -> dict[str, bool]:
    """
    Instruction sets of this build, and whether this machine runs them.
    """

def kernel_names() -> list[str]:
    """
    Names of all kernels.
    """

def limit_threads(most: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Sets the most threads for what this thread begins; gives the limit before.
    """

def permutation(
    n: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
    stream: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]:
    """
    0..n-1 in random order.
    """

def predict_side_by_side(
    runners: collections.abc.Sequence[Runner],
    x: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
    out: numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
    block: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Forward of many models over all rows of x into out (models, rows, outputs).
    """

def set_num_threads(threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Sets the most threads that a call may use.
    """

def share_all_work(always: bool) -> None:
    """
    For tests: replays take all threads, however small they are.
    """

def sum_chunks(count: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    In how many pieces kernels add up so many elements.
    """

def train_side_by_side(
    stretches: collections.abc.Sequence[Stretch],
    models: typing.SupportsInt | typing.SupportsIndex,
    next: collections.abc.Callable[[Stretch], collections.abc.Sequence[Stretch]],
) -> None:
    """
    Trains so many models; next(stretch) is asked for more whenever one has ended.
    """

def worthwhile_threads(
    work: typing.SupportsFloat | typing.SupportsIndex, waits: typing.SupportsInt | typing.SupportsIndex
) -> int:
    """
    Threads that so many multiply-adds and waits of the team for each other are worth.
    """
