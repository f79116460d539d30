"""One training step: as one program, or by hand where a layer runs in Python."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamella import _core
from lamella._arrays import Array
from lamella.nn.builder import Builder, Value
from lamella.nn.loss.runner import Measured
from lamella.nn.parameter import when_gone
from lamella.nn.precision import Precision
from lamella.nn.store import Store
from lamella.optim.clip import clear_ops
from lamella.trainer.samples import Samples
from lamella.trainer.stretch import Taken

if TYPE_CHECKING:
    from lamella.trainer.trainer import Trainer


def nothing(x: Any, y: Any, weight: Any = None) -> float | None:
    """In place of a quick step, where there is none."""
    return None


class NativeStep:
    """Forward, loss, backward and update of one model as one program."""

    native = True

    def __init__(
        self, trainer: "Trainer", store: Store, width: int, kind: _core.Targets, builder: Builder, outputs: Value
    ) -> None:
        self.store, self.width = store, width
        self.least_rows = trainer.model.least_rows_of_all(trainer.mode())
        self.indices = builder.indices
        self.made_for: tuple[Any, ...] = ()
        self.mode_changes = -1
        loss = trainer.loss
        self._settings = loss.make_settings(outputs.width)
        self.revision = trainer.optimizer.revision
        self.accumulate, self.rate_place = trainer.accumulate, trainer.optimizer.rate_place
        self._settings.place(store.memory, store.memory.add_scalars(len(self._settings)))
        when_gone(self, store.memory.release_scalars, self._settings.offset, len(self._settings))
        optimizer, accumulates = trainer.optimizer, trainer.accumulate > 1
        if accumulates:
            count = optimizer.gradients(store.memory)
            builder.add_ops("clear", clear_ops(trainer.model.parameters(), count))
            builder.tick(count.offset)  # before the first step's clears it, which then says 1
        builder.add_forward()
        builder.add_ops("loss", [loss.op(builder.program, outputs, self._settings, kind)])
        builder.add_backward()
        builder.program.open_range("update")
        optimizer.emit(builder.program, store.memory, accumulates)
        if trainer.average is not None:
            trainer.average.emit(builder.program, store.memory)
        builder.program.finalize()
        self.program = builder.program
        self._last = self.program.num_ranges - 1
        self.runner = _core.Runner(builder.program, store.memory)
        quick = _core.QuickStep(
            self.runner,
            width,
            self.least_rows,
            kind,
            loss.target_width(outputs.width),
            loss.ignored,
            self._settings.index("value"),
            self.indices,
        )
        self.quick: Callable[..., float | None] = nothing if accumulates else quick

    @staticmethod
    def make(trainer: "Trainer", store: Store, width: int, kind: _core.Targets) -> "NativeStep | StepByHand":
        """One program, or by hand if a layer runs in Python."""
        trainer.model.check_modes(trainer.mode(), "Trainer")
        precision = Precision(trainer.precision)
        builder = Builder(store.native_dtype, trainer.mode(), trainer.accumulate > 1, precision)
        x = builder.enter(Value(_core.Operand(_core.Arena.input, size=width), width))
        outputs = trainer.model.emit(builder, x)
        builder.require_backward()
        if builder.all_native:
            return NativeStep(trainer, store, width, kind, builder, outputs)
        if trainer.precision is not None:
            raise ValueError(
                f"[Trainer] precision is {trainer.precision!r} but the model has layers in Python, which train step by "
                "step in float32"
            )
        return StepByHand(trainer, store, width, builder)

    def run(self, x: Array, target: Array, weight: Array | None = None, done: int = 0) -> float:
        """The loss of one step on checked arrays, after ``done`` others whose gradients are to be added up with it."""
        return self.measure(x, target, weight, done).value

    def measure(self, x: Array, target: Array, weight: Array | None, done: int = 0, closes: bool = False) -> Measured:
        """The same, and what the loss found; ``closes``: this step updates, whatever is to be added up still."""
        first = 1 if done > 0 else 0
        last = self._last if closes or done + 1 == self.accumulate else self._last - 1
        return Measured(*self.runner.step(first, last, x, target, weight, self._settings.index("value")))

    def measure_gradients(self, x: Array, target: Array, weight: Array | None = None) -> float:
        """The loss of checked arrays, whose gradients the parameters then have; nothing is updated."""
        return self.runner.step(0, self._last - 1, x, target, weight, self._settings.index("value"))[0]

    def stretch(
        self, samples: Samples, target: Array, taken: Taken, epochs: int, batch_size: int, drop_last: bool
    ) -> _core.Stretch:
        """So many epochs over the rows of ``samples``, with ``target`` for targets."""
        return _core.Stretch(
            self.runner,
            samples.x,
            target,
            samples.weight,
            *taken,
            epochs=epochs,
            batch_size=batch_size,
            least=self.least_rows,
            drop_last=drop_last,
            accumulate=self.accumulate,
            result=self._settings.index("value"),
            rate_place=self.rate_place,
        )


class StepByHand:
    """The same for models with layers in Python: four calls a step."""

    native = False

    def __init__(self, trainer: "Trainer", store: Store, width: int, builder: Builder) -> None:
        self.store, self.width = store, width
        self.indices = builder.indices
        self.model, self.loss, self.optimizer = trainer.model, trainer.loss, trainer.optimizer
        self.average, self.accumulate = trainer.average, trainer.accumulate
        self.revision, self.rate_place = trainer.optimizer.revision, trainer.optimizer.rate_place
        self.least_rows = trainer.model.least_rows_of_all(trainer.mode())
        self.made_for: tuple[Any, ...] = ()
        self.mode_changes = -1

    quick = staticmethod(nothing)

    def run(self, x: Array, target: Array, weight: Array | None = None, done: int = 0) -> float:
        """The loss of one step on checked arrays, after ``done`` others whose gradients are to be added up with it."""
        return self.measure(x, target, weight, done).value

    def measure(self, x: Array, target: Array, weight: Array | None, done: int = 0, closes: bool = False) -> Measured:
        """The same, and what the loss found; ``closes``: this step updates, whatever is to be added up still."""
        before = [(module, module.training) for _, module in self.model.named_modules()]
        if not self.model.training:
            self.model.train()
        try:
            measured = self.loss.measure(self.model(x), target, weight)
            if done == 0:
                self.model.zero_grad()
            self.model.backward(self.loss.backward())
            if closes or done + 1 == self.accumulate:
                self.optimizer.step_on_sum(done + 1)
                if self.average is not None:
                    self.average.update()
        finally:
            for module, mode in before:
                module.training = mode
        return measured
