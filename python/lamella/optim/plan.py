"""The programs that an optimizer's update is replayed by, and the arrays and scalars that they need."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lamella import _core
from lamella._arrays import Array
from lamella.nn.builder import NOTHING, Op
from lamella.nn.parameter import Parameter
from lamella.optim.clip import GradientFactor
from lamella.optim.group import Block, Group
from lamella.optim.penalty import PenaltySum
from lamella.optim.slots import CompactSlots, Slots
from lamella.optim.update import Places, matrix_shape, runs

if TYPE_CHECKING:
    from lamella.optim.optimizer import Optimizer


class Plan:
    """Memories of the parameters of an optimizer, its slots in them, and its ops.

    Holds no reference to the optimizer: slots are to be freed as soon as that goes.
    """

    def __init__(self, optimizer: "Optimizer") -> None:
        self.memories: list[_core.Memory] = []
        for parameter in optimizer.parameters():
            if not any(memory is parameter.memory for memory in self.memories):
                assert parameter.memory is not None
                self.memories.append(parameter.memory)
        for group in optimizer.param_groups:
            group.make_blocks(self.memories)
        own = [[p for p in optimizer.parameters() if p.memory is memory] for memory in self.memories]
        self._slots = [_make_slots(optimizer, *each) for each in zip(self.memories, own, strict=True)]
        self._factors = [GradientFactor(optimizer, *each) for each in zip(self.memories, own, strict=True)]
        self._penalties: dict[int, PenaltySum] = {}
        self._runners: dict[bool, list[_core.Runner]] = {}
        #: Counts changes of settings that ask for other ops.
        self.revision = 0

    def rebuild(self) -> None:
        """Make programs anew before the next step."""
        self.revision += 1
        self._runners = {}

    def place(self, memory: _core.Memory | None) -> int:
        """Number of a memory."""
        return next(i for i, own in enumerate(self.memories) if own is memory)

    def slot_view(self, parameter: Parameter, name: str) -> Array:
        """One of a parameter's arrays: a view, writable."""
        return self._slots[self.place(parameter.memory)].view(name, parameter)

    def slot_operand(self, parameter: Parameter, name: str, count: int) -> _core.Operand:
        """``count`` elements of a slot from that parameter on."""
        return self._slots[self.place(parameter.memory)].operand(name, parameter, count)

    def gradients(self, memory: _core.Memory) -> _core.Operand:
        """The scalar that says how many gradients were added up."""
        return self._factors[self.place(memory)].gradients

    def limit_norm(self, optimizer: "Optimizer") -> None:
        """Take over a new ``clip_norm``."""
        for factor in self._factors:
            factor.settings["max_norm"] = math.inf if optimizer.clip_norm is None else optimizer.clip_norm
            if optimizer.clip_norm is not None:
                factor.make_room(optimizer)

    def penalty(self, optimizer: "Optimizer", memory: _core.Memory) -> PenaltySum:
        """What sums up the penalties in one memory."""
        place = self.place(memory)
        if place not in self._penalties:
            self._penalties[place] = PenaltySum(optimizer, memory)
        return self._penalties[place]

    @property
    def norm(self) -> float:
        """Of the whole gradient at the last update, before clipping."""
        return float(self._factors[0].settings["norm"])

    def stages(
        self, optimizer: "Optimizer", program: _core.Program, memory: _core.Memory, accumulates: bool
    ) -> Iterator[Sequence[Op]]:
        """Ops of one memory: sums of squares, the factor that follows from them, the updates."""
        place = self.place(memory)
        factor, clips, scale = self._factors[place], optimizer.clip_norm is not None, NOTHING
        yield factor.squares() if clips else ()
        ops: list[Op] = []
        if clips or accumulates:
            op, scale = factor.factor(clips, accumulates)
            ops = [op]
        yield ops
        for group in optimizer.param_groups:
            for block in group.blocks:
                if block.memory is memory:
                    program.tick(block.settings.index("step"))
                    places = Places(program, block, self._slots[place], scale)
                    yield _update_ops(optimizer, group, block, places)

    def step(self, optimizer: "Optimizer", gradients: int) -> None:
        """Update by hand, by the mean of so many gradients, of which ``grad`` holds the sum."""
        accumulates = gradients > 1
        spread = optimizer.clip_norm is not None and len(self.memories) > 1  # one norm over several memories
        runners = self._runners.get(accumulates)
        if runners is None:
            runners = [self._make_runner(optimizer, memory, accumulates, spread) for memory in self.memories]
            self._runners[accumulates] = runners
        for factor in self._factors if accumulates else ():
            factor.settings["gradients"] = float(gradients)
        for runner in runners:
            runner.run(0, 1 if spread else 0, 1)
        if spread:
            squares = [float(factor.settings["squares"]) for factor in self._factors]
            for place, (runner, factor) in enumerate(zip(runners, self._factors, strict=True)):
                factor.settings["others"] = sum(squares[:place] + squares[place + 1 :])
                runner.run(1, 2, 1)

    def _make_runner(
        self, optimizer: "Optimizer", memory: _core.Memory, accumulates: bool, spread: bool
    ) -> _core.Runner:
        program = _core.Program(memory.dtype)
        program.open_range("squares" if spread else "update")
        for stage, ops in enumerate(self.stages(optimizer, program, memory, accumulates)):
            append(program, ops)
            if spread and stage < 2:
                program.open_range(("factor", "update")[stage])
        program.finalize()
        return _core.Runner(program, memory)


def append(program: _core.Program, ops: Iterable[Op]) -> None:
    """Add ops to the program's last range."""
    for op in ops:
        program.append(op.kernel, op.operands, op.sizes, op.hyper)


def _make_slots(optimizer: "Optimizer", memory: _core.Memory, own: list[Parameter]) -> Slots:
    if optimizer.compact:
        group_of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        return CompactSlots(optimizer, memory, own, lambda p: optimizer.slot_shapes(group_of[id(p)], p))
    blocks = [(group, block) for group in optimizer.param_groups for block in group.blocks if block.memory is memory]
    names = {name for group, block in blocks for name in optimizer.slots(group, block.matrices)}
    return Slots(optimizer, memory, sorted(names))


def _update_ops(optimizer: "Optimizer", group: Group, block: Block, places: Places) -> list[Op]:
    update, own = optimizer.update(optimizer.acting(group, block.matrices), block.matrices), block.parameters
    if update.ops is None:
        found = [[p] for p in own] if optimizer.compact else runs(own)
        ops = [places.of(run).flat(update) for run in found]
    else:
        # Stage by stage, so that parameters share the barriers between them.
        stages = zip(*[update.ops(places.of([p])) for p in own], strict=True)
        ops = [op for stage in stages for op in stage]
    if group["max_norm"] is not None and block.matrices:
        limit = block.settings.index("max_norm")
        for p in own:
            ops.append(Op("weight_limit", [p.operand, p.operand], [*matrix_shape(p), p.transposed], limit))
    return ops
