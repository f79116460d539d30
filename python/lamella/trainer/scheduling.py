"""A schedule inside a training: by epoch between native calls, by step within them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lamella._arrays import Array
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import choice
from lamella.optim.schedule.clock import UNITS, Clock
from lamella.optim.schedule.plateau import ReduceLROnPlateau
from lamella.optim.schedule.scheduler import LRScheduler


class Timetable(NamedTuple):
    """Scalars to set before each step, or before each epoch: their places, and a row of values for each time."""

    places: Array
    values: Array
    by_step: bool


class Scheduling:
    """Sets the rates of a training's epochs and steps.

    Parameters
    ----------
    schedule : LRScheduler or None
    unit : "epoch", "step" or None
        What all of the schedule counts; None: each part its own.
    optimizer : Optimizer
    """

    def __init__(self, schedule: Any, unit: Any, optimizer: Optimizer, where: str) -> None:
        self._optimizer, self._unit, self._where = optimizer, unit, where
        if schedule is not None and not isinstance(schedule, LRScheduler):
            hint = " (an instance, not the class)" if isinstance(schedule, type) else ""
            raise TypeError(f"[{where}] schedule is {schedule!r:.80} but must be an LRScheduler{hint}")
        if unit is not None:
            choice(where, "unit", unit, UNITS)
        if schedule is not None and schedule.optimizer is not optimizer:
            raise ValueError(f"[{where}] schedule ({schedule!r}) is a schedule of another optimizer")
        self.schedule = schedule
        self._begun: Clock | None = None  # where the schedule was at the last begin

    @property
    def watches(self) -> bool:
        """Whether it looks at a quantity of the record."""
        return self.schedule is not None and self.schedule.watches

    def _clock(self, steps: int = 0, epochs: int = 0, now: Clock | None = None) -> Clock:
        """So much later than that, or than now."""
        assert self.schedule is not None
        now = now or self.schedule.clock
        now_epochs = now.steps if now.epochs is None else now.epochs
        if self._unit == "step":
            return Clock(now.steps + steps)
        if self._unit == "epoch":
            return Clock(now_epochs + epochs)
        return Clock(now.steps + steps, now_epochs + epochs)

    def resume(self, state: Mapping[str, Any] | None, steps: int | None, epochs: int) -> None:
        """Take over a state, if there is one; raise, with all as before, if the schedule does not last that long."""
        if self.schedule is None:
            return
        before = self.schedule.state_dict()
        try:
            if state is not None:
                self.schedule.load_state_dict(state)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"[{self._where}] schedule is not the one of the state that was loaded: {error} "
                "(to begin another one, load the state with schedule=False)"
            ) from error
        try:
            if steps is not None and epochs > 0:
                self.schedule.settings(self._clock(steps * epochs, epochs))
        except ValueError as error:
            self.schedule.load_state_dict(before)
            message = f"[{self._where}] schedule does not last for {epochs} epochs of {steps} steps: {error}"
            raise ValueError(message) from error

    def check_mode(self, monitor: str, rises: bool) -> None:
        """Raise if the schedule takes for worse what is better."""
        for part in self._parts(self.schedule):
            if isinstance(part, ReduceLROnPlateau) and (part.mode == "max") != rises:
                raise ValueError(
                    f"[{self._where}] schedule ({part!r}) has mode {part.mode!r} but {monitor} is to "
                    f"{'rise' if rises else 'fall'}"
                )

    def _parts(self, schedule: LRScheduler | None) -> Iterator[LRScheduler]:
        if schedule is not None:
            yield schedule
            for child in schedule.children:
                yield from self._parts(child)

    @property
    def by_step(self) -> bool:
        """Whether rates change within an epoch."""
        return self.schedule is not None and (
            self._unit == "step" or (self._unit is None and bool(self.schedule.by_step))
        )

    def begin(self, steps: int, epochs: int) -> Timetable | None:
        """Set the rates of so many epochs' begin; what is to be set in the course of them."""
        if self.schedule is None:
            return None
        self.schedule.settings(self._clock(steps * epochs, epochs))  # it ends before the first epoch, if at all
        self.schedule.advance(self._clock())
        self._begun = self.schedule.clock
        clocks = [
            self._clock(steps * epoch + step, epoch)
            for epoch in range(epochs)
            for step in range(steps if self.by_step else 1)
        ]
        return self._timetable(clocks) if len(clocks) > 1 else None

    def part(self, first: int, steps: int) -> Timetable | None:
        """What is to be set at so many steps of an epoch from its step ``first`` on."""
        if not self.by_step:
            return None
        try:
            # What differs from the step before is to be set, too, if it stays the same from here on.
            table = self._timetable([self._clock(step) for step in range(max(first - 1, 0), first + steps)])
        except ValueError as error:
            message = f"[{self._where}] schedule does not last for {first + steps} steps of the epoch: {error}"
            raise ValueError(message) from error
        return table if table is None or first == 0 else table._replace(values=table.values[1:])

    def _timetable(self, clocks: list[Clock]) -> Timetable | None:
        assert self.schedule is not None
        table = [self.schedule.settings(clock) for clock in clocks]
        places: list[int] = []
        columns: list[list[float]] = []
        for index, group in enumerate(self._optimizer.param_groups):
            for place, values in group.columns([settings[index] for settings in table]):
                places.append(place)
                columns.append(values)
        if not places:
            return None
        rows = np.ascontiguousarray(np.array(columns, np.float64).T)
        return Timetable(np.array(places, np.int64), rows, self.by_step)

    def end(self) -> None:
        """However far it came, the kernels' scalars are those that the groups show."""
        if self.schedule is not None:
            for group in self._optimizer.param_groups:
                group.write()

    def advance(self, steps: int, epochs: int, metrics: float | None) -> None:
        """Go on by so many epochs of so many steps from the last :meth:`begin`."""
        if self.schedule is not None:
            self.schedule.advance(self._clock(steps * epochs, epochs, self._begun), metrics)
