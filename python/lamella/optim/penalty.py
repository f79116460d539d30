"""The value of an optimizer's penalties."""

from typing import TYPE_CHECKING

from lamella import _core
from lamella.nn.parameter import when_gone
from lamella.optim.update import doubles, is_matrix, run_operand, runs

if TYPE_CHECKING:
    from lamella.optim.optimizer import Optimizer


class PenaltySum:
    """A program that sums up weight_decay / 2 |w|^2 + l1 |w|_1 over the parameters in one memory, in float64.

    Attributes
    ----------
    runner : _core.Runner
    place : int
        The scalar that holds the sum afterwards.
    """

    def __init__(self, optimizer: "Optimizer", memory: _core.Memory) -> None:
        self._memory = memory
        self.place = memory.add_scalars(1)
        when_gone(optimizer, memory.release_scalars, self.place, 1)
        total = _core.Operand(_core.Arena.scalars, self.place)
        program = _core.Program(memory.dtype)
        program.open_range("penalty")
        adds = 0
        for group in optimizer.param_groups:
            for block in group.blocks:
                own = [p for p in group["params"] if p.memory is memory and is_matrix(p) == block.matrices]
                for run in runs(own) if block.memory is memory else ():
                    values = run_operand(_core.Arena.values, run)
                    chunks = _core.sum_chunks(values.size)
                    sums = program.fixed(chunks * doubles(memory.dtype))
                    program.append(
                        "weight_penalty", [sums, values], [values.size], block.settings.index("weight_decay")
                    )
                    program.append("penalty_total", [total, sums], [chunks, adds])
                    adds = 1
        program.finalize()
        self.runner = _core.Runner(program, memory)

    def value(self) -> float:
        """The sum now."""
        self.runner.run(0, 0, 1)
        return float(self._memory.view(_core.Arena.scalars, 0, self.place, [1])[0])
