"""Runs a module's program: forward and backward by hand, or forward only over many rows."""

from typing import TYPE_CHECKING

import numpy as np

from lamella import _core
from lamella._arrays import Array, check_indices, contiguous, is_plain
from lamella._config import get_num_threads
from lamella.nn.builder import Builder, PythonStep, Step, Value

if TYPE_CHECKING:
    from lamella.nn.module import Module
    from lamella.nn.store import Store


class Replay:
    """Forward and backward of one module, with the buffers between them.

    The input is copied into the program's own buffer, so that the caller may reuse its array before the backward.
    Without layers in Python each way is one native call, and threads that share the model take turns; layers in Python
    run between native parts.

    Parameters
    ----------
    module : Module
    store : Store
    width : int
        Features of the input.
    training : bool, optional
        The behaviour of all layers; None: each its own.
    watch : bool
        Whether what layers pass to each other, and its gradients, can be read between replays: :attr:`passed`.
    """

    def __init__(
        self, module: "Module", store: "Store", width: int, training: bool | None = None, watch: bool = False
    ) -> None:
        self.store = store
        self.least_rows = module.least_rows_of_all(training)
        builder = Builder(store.native_dtype, training, accumulate=True)
        self.x = builder.enter(builder.value(width))
        self.y = module.emit(builder, self.x)
        self.indices = builder.indices
        builder.keep(self.x)
        builder.keep(self.y)
        #: As the builder's, if watched.
        self.passed = builder.passed if watch else []
        for _, _, given, made in self.passed:
            builder.keep(given)
            builder.keep(made)
        self.require_backward = builder.require_backward
        self._native = builder.all_native
        self._forward = builder.add_forward()
        self._backward = builder.add_backward()
        builder.program.finalize()
        self.runner = _core.Runner(builder.program, store.memory)

    def checked(self, x: Array, where: str) -> Array:
        """The batch as the program takes it; ValueError if layers cannot take its values."""
        x = contiguous(x, self.store.dtype)
        check_indices(x, self.indices, "x", where)
        return x

    def forward(self, x: Array) -> Array:
        """(n, width) in any numeric dtype -> a fresh (n, outputs)."""
        x = contiguous(x, self.store.dtype)
        if self._native:
            return self._exchange(self._forward, x, self.x.operand, self.y)
        n = len(x)
        self.runner.reserve(n)
        self.runner.view(self.x.operand, n, self.x.width)[...] = x
        for step in self._forward:
            if isinstance(step, PythonStep):
                step.layer.run_forward(step.x, step.y, self.runner, n, step.training)
            else:
                self.runner.run(*step, n)
        y: Array = self.runner.view(self.y.operand, n, self.y.width).copy()
        return y

    def backward(self, dy: Array) -> Array:
        """(n, outputs) -> a fresh (n, width); needs the forward's buffers as it left them."""
        dy = contiguous(dy, self.store.dtype)
        if self._native:
            return self._exchange(self._backward, dy, self.y.grad, Value(self.x.grad, self.x.width))
        n = len(dy)
        self.runner.view(self.y.grad, n, self.y.width)[...] = dy
        for step in self._backward:
            if isinstance(step, PythonStep):
                step.layer.run_backward(step.x, step.y, self.runner, n)
            else:
                self.runner.run(*step, n)
        dx: Array = self.runner.view(self.x.grad, n, self.x.width).copy()
        return dx

    def _exchange(self, steps: list[Step], given: Array, into: _core.Operand, wanted: Value) -> Array:
        ranges = [number for step in steps if not isinstance(step, PythonStep) for number in step]
        first, last = (ranges[0], ranges[-1]) if ranges else (0, -1)
        result: Array = self.runner.exchange(first, last, given, into, wanted.operand, wanted.width)
        return result


class Pass:
    """Forward only, in evaluation mode, over any number of rows in blocks.

    Without layers in Python, from the caller's array straight into a fresh one, in buffers as small as one block's
    widest layers.
    """

    def __init__(self, module: "Module", store: "Store", width: int) -> None:
        builder = Builder(store.native_dtype, training=False)
        x = builder.enter(Value(_core.Operand(_core.Arena.input), width))
        self._y = module.emit(builder, x)
        self.outputs = self._y.width
        self.indices = builder.indices
        self._dtype = store.dtype
        self._replay: Replay | None = None
        if not builder.all_native or self._y.operand == x.operand:
            self._replay = Replay(module, store, width, training=False)
            return
        builder.redirect(self._y, _core.Operand(_core.Arena.output))
        builder.add_forward()
        builder.program.finalize()
        self._runner = _core.Runner(builder.program, store.memory)

    @property
    def runner(self) -> _core.Runner | None:
        """Runs it from input to output; None if that is not all there is to do."""
        return self._runner if self._replay is None else None

    def run(self, x: Array, batch_size: int, where: str) -> Array:
        """(n, width) -> (n, outputs); ValueError if layers cannot take the values."""
        y = np.empty((len(x), self._y.width), self._dtype)
        some = len(x)
        if not is_plain(x, self._dtype):  # converted some at a time: it may be larger than memory
            some = batch_size * max(8, 2 * get_num_threads())
        for begin in range(0, len(x), some):
            self._run(x[begin : begin + some], y[begin : begin + some], batch_size, where, begin)
        return y

    def _run(self, x: Array, y: Array, batch_size: int, where: str, first: int) -> None:
        x = contiguous(x, self._dtype)
        check_indices(x, self.indices, "x", where, first)
        if self._replay is None:
            self._runner.blocks(0, 0, x, y, batch_size)
        else:
            for begin in range(0, len(x), batch_size):
                y[begin : begin + batch_size] = self._replay.forward(x[begin : begin + batch_size])
