"""Averages of weights over the steps of a training."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from lamella import _core
from lamella._arrays import Array, to_array
from lamella.nn import _check
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter, Settings, when_gone
from lamella.optim.optimizer import Optimizer
from lamella.optim.update import run_operand, runs


class WeightAverage:
    """The average of the weights over the steps: smoother, and often better, than the last ones.

    a = decay a + (1 - decay) w, an exponential moving average (Polyak & Juditsky 1992), or the mean of all so far
    (stochastic weight averaging, Izmailov et al. 2018). The first update copies. PyTorch's ``AveragedModel`` with
    ``get_ema_multi_avg_fn``, inside the model: its copy lies beside the weights, and :meth:`applied` exchanges them.

    ``Trainer(..., average=average)`` updates it after each step, natively, and ``fit`` uses it for validation. The
    weights themselves are exchanged in :meth:`applied` alone: ``predict`` by the average is ::

        with average.applied():
            outputs = model.predict(x)

    Running statistics of batch normalization are not averaged: they stay the training's.

    Parameters
    ----------
    source : Optimizer or Module
        Whose parameters are averaged.
    decay : float or None, default 0.999
        In [0, 1]. None: the mean of all.
    """

    def __init__(self, source: Optimizer | Module, decay: float | None = 0.999) -> None:
        where = "WeightAverage"
        if not isinstance(source, (Optimizer, Module)):
            raise TypeError(f"[{where}] source is {source!r:.80} but must be an Optimizer or a Module")
        checked = -1.0 if decay is None else _check.number(where, "decay", decay, 0, 1)
        self.decay = decay
        self._parameters: list[Parameter] = list(source.parameters())
        if not self._parameters:
            raise ValueError(f"[{where}] the model has no parameters to average")
        self._memories: list[_core.Memory] = []
        for parameter in self._parameters:
            assert parameter.memory is not None
            if not any(memory is parameter.memory for memory in self._memories):
                self._memories.append(parameter.memory)
        self._slots: list[int] = []
        self._settings: list[Settings] = []
        for memory in self._memories:
            slot, settings = memory.add_slots(1), Settings(updates=0.0, decay=checked)
            when_gone(self, memory.release_slots, slot, 1)
            settings.place(memory, memory.add_scalars(len(settings)))
            when_gone(self, memory.release_scalars, settings.offset, len(settings))
            self._slots.append(slot)
            self._settings.append(settings)
        self._runners = [self._make_runner(memory) for memory in self._memories]
        self._swapped = False
        for parameter in self._parameters:
            self._average(parameter)[...] = parameter.data

    def _make_runner(self, memory: _core.Memory) -> _core.Runner:
        """Two ranges: an update, and an exchange."""
        program = _core.Program(memory.dtype)
        program.open_range("average")
        self._append(program, memory)
        program.open_range("exchange")
        for values, average in self._operands(memory):
            program.append("weight_exchange", [values, average], [values.size])
        program.finalize()
        return _core.Runner(program, memory)

    def _operands(self, memory: _core.Memory) -> Iterator[tuple[_core.Operand, _core.Operand]]:
        """Values and averages of each run in one memory."""
        slot = self._slots[self._place(memory)]
        for run in runs(p for p in self._parameters if p.memory is memory):
            yield run_operand(_core.Arena.values, run), run_operand(_core.Arena.slots, run, slot)

    def _append(self, program: _core.Program, memory: _core.Memory) -> None:
        settings = self._settings[self._place(memory)]
        program.tick(settings.index("updates"))
        for values, average in self._operands(memory):
            program.append("weight_average", [average, values], [values.size], settings.offset)

    def _place(self, memory: _core.Memory | None) -> int:
        return next(i for i, own in enumerate(self._memories) if own is memory)

    def _average(self, parameter: Parameter) -> Array:
        """The slot's part of a parameter."""
        return parameter.slot(self._slots[self._place(parameter.memory)])

    def check_places(self) -> None:
        """RuntimeError if parameters have moved since."""
        for parameter in self._parameters:
            if not any(parameter.memory is memory for memory in self._memories):
                raise RuntimeError(
                    f"[WeightAverage] {parameter.name} has become part of another model since this average was made; "
                    "make it after the last model"
                )

    def check_ready(self) -> None:
        """RuntimeError if parameters have moved since, or the weights are exchanged for the averages."""
        self.check_places()
        if self._swapped:
            raise RuntimeError("[WeightAverage] the model holds the averages now: leave applied(), or swap() back")

    def emit(self, program: _core.Program, memory: _core.Memory) -> None:
        """Append the update of the average to the last range of a program that holds a whole step."""
        self.check_ready()
        self._append(program, memory)

    @property
    def memories(self) -> list[_core.Memory]:
        """The memories of all models with parameters here."""
        return self._memories

    def exchange_runner(self, memory: _core.Memory) -> _core.Runner:
        """Its range 1 is :meth:`swap` for the parameters in one memory."""
        return self._runners[self._place(memory)]

    def state_operands(self, memory: _core.Memory) -> list[_core.Operand]:
        """All that :meth:`state_dict` copies of one memory, where it lies."""
        settings = self._settings[self._place(memory)]
        updates = _core.Operand(_core.Arena.scalars, settings.index("updates"))
        return [*(average for _, average in self._operands(memory)), updates]

    @property
    def n_averaged(self) -> int:
        """Updates so far."""
        return int(self._settings[0]["updates"])

    @property
    def swapped(self) -> bool:
        """Whether the model holds the averages now."""
        return self._swapped

    def update(self) -> None:
        """Take the present weights into the average: by hand, after ``optimizer.step()``."""
        self.check_ready()
        for runner in self._runners:
            runner.run(0, 0, 1)

    def swap(self) -> None:
        """Exchange the model's weights and the averages."""
        self.check_places()
        for runner in self._runners:
            runner.run(1, 1, 1)
        self._swapped = not self._swapped

    @contextlib.contextmanager
    def applied(self) -> Iterator["WeightAverage"]:
        """Inside ``with average.applied():`` the model holds the averages, after it the trained weights again."""
        self.check_ready()
        self.swap()
        try:
            yield self
        finally:
            if self._swapped:
                self.swap()

    def state_dict(self) -> dict[str, Any]:
        """Copies of the averages.

        Returns
        -------
        dict
            ``{"n_averaged": int, "decay": float or None, "averages": {i: array}}``, parameters numbered in order.
        """
        self.check_places()
        views = [p.data if self._swapped else self._average(p) for p in self._parameters]
        averages = {number: view.copy(order="C") for number, view in enumerate(views)}
        return {"n_averaged": self.n_averaged, "decay": self.decay, "averages": averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; everything is checked before anything is changed.

        Parameters
        ----------
        state : mapping

        Raises
        ------
        ValueError
            If parameters or shapes differ.
        """
        where = "WeightAverage.load_state_dict"
        for key in ("n_averaged", "decay", "averages"):
            if not isinstance(state, Mapping) or key not in state:
                raise ValueError(f"[{where}] state is {state!r:.80} but must be a mapping with {key!r}")
        self.check_ready()
        updates = _check.integer(where, "n_averaged", state["n_averaged"], 0, 2**53)
        decay = state["decay"]
        checked = -1.0 if decay is None else _check.number(where, "decay", decay, 0, 1)
        averages = state["averages"]
        if not isinstance(averages, Mapping) or set(averages) != set(range(len(self._parameters))):
            raise ValueError(f"[{where}] averages must be of {len(self._parameters)} parameters, numbered from 0")
        arrays = []
        for number, parameter in enumerate(self._parameters):
            array = to_array(averages[number], f"the average of {parameter.name}", where)
            if array.shape != parameter.shape:
                raise ValueError(
                    f"[{where}] the average of {parameter.name} has shape {array.shape}, not {parameter.shape}"
                )
            arrays.append(array)
        for parameter, array in zip(self._parameters, arrays, strict=True):
            self._average(parameter)[...] = array
        self.decay = decay
        for settings in self._settings:
            settings["updates"], settings["decay"] = float(updates), checked

    def __reduce__(self) -> Any:
        raise TypeError("[WeightAverage] an average is not copied or pickled; use its state_dict()")

    def __repr__(self) -> str:
        return f"WeightAverage(decay={self.decay!r})  # of {self.n_averaged} steps"
