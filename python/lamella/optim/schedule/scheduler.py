"""The base of the schedules."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lamella.nn import _check
from lamella.optim.optimizer import Optimizer
from lamella.optim.schedule.arguments import check_optimizer
from lamella.optim.schedule.clock import Clock


class LRScheduler:
    """Base of the schedules: the rates of an optimizer as a pure function of how far the training has come.

    ``rate(t) = scale * f(base, t)``, for each parameter group with its own base: the rate that it had when the first
    schedule was made, or that was set by hand after that. So schedules compose, and a training that is resumed has the
    same bits. Use it by hand, one ``step()`` after each epoch (or batch, whatever it is to count), or give it to
    :meth:`lamella.Trainer.fit`.

    Rates may be set by hand at any time: the schedule goes on in proportion to what was set, as PyTorch's do. (Its
    OneCycleLR and CyclicLR overwrite it; here, they too go on in proportion.) Several schedules of one optimizer that
    are stepped one after the other multiply; :class:`ChainedScheduler` says it in one object.

    A subclass gives :meth:`factor`; see the source of :class:`ExponentialLR`.

    Parameters
    ----------
    optimizer : Optimizer
        Its rates are set at once to those of the first step.
    last_epoch : int, default -1
        Steps of the schedule that lie behind, less one, as in PyTorch.
    children : sequence of LRScheduler
        Those that a subclass is made of.

    Attributes
    ----------
    base_lrs : list of float
        By parameter group.
    scales : list of float
        By parameter group: 1 until a rate is set by hand.
    unit : "epoch" or "step"
        What it counts in :meth:`lamella.Trainer.fit`.
    """

    unit = "epoch"
    #: Says rates itself, whatever the base.
    absolute = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, children: "Sequence[LRScheduler]" = ()) -> None:
        where = type(self).__name__
        self.optimizer = check_optimizer(where, optimizer)
        self.children = list(children)
        self.base_lrs, self.scales = [], []
        for group in optimizer.param_groups:
            if group.initial_lr is None:
                group.initial_lr = float(group["lr"])
            base = group.initial_lr
            self.base_lrs.append(base)
            # Another rate than the base is another schedule's, which may go on beside this one.
            beside = group["lr"] > 0 and base > 0 and not self.absolute and not self.children
            self.scales.append(group["lr"] / base if beside else 1.0)
        self._clock = Clock(_check.integer(where, "last_epoch", last_epoch, -1) + 1)
        self._write()

    # What subclasses say.

    def factor(self, t: int) -> float:
        """What the base is multiplied by.

        Parameters
        ----------
        t : int
            Steps of the schedule so far.
        """
        raise NotImplementedError

    def rate(self, base: float, group: int, clock: Clock) -> float:
        """The rate of a parameter group."""
        return base * self.factor(clock.count(self.unit))

    def momentum(self, group: int, clock: Clock) -> float | None:
        """The momentum (beta1 of Adam) of a parameter group; None: as it is."""
        return None

    def watch(self, metrics: float) -> None:
        """Take note of a validation loss or the like."""
        for child in self.children:
            child.watch(metrics)

    def extra_state(self) -> dict[str, Any]:
        """State beside the clock, as JSON can hold it."""
        return {}

    def check_extra_state(self, state: Mapping[str, Any], where: str) -> None:
        """Raise if :meth:`load_extra_state` cannot take this."""

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`extra_state` gave."""

    def describe(self) -> str:
        """Arguments as ``repr`` shows them."""
        return ""

    # The same for all.

    @property
    def watches(self) -> bool:
        """Whether it, or one that it is made of, looks at a validation loss or the like."""
        return any(child.watches for child in self.children)

    @property
    def by_step(self) -> bool:
        """Whether it, or one that it is made of, counts steps."""
        return self.unit == "step" or any(child.by_step for child in self.children)

    @property
    def clock(self) -> Clock:
        """How far it has come."""
        return self._clock

    @property
    def last_epoch(self) -> int:
        """Steps of the schedule so far: PyTorch's name, whatever is counted."""
        return self._clock.count(self.unit)

    @property
    def last_lr(self) -> list[float]:
        """The rates that were set last, by parameter group."""
        return list(self._last)

    def get_last_lr(self) -> list[float]:
        """The rates that were set last, by parameter group."""
        return self.last_lr

    def rates(self, t: int) -> list[float]:
        """The rates at any time, by parameter group; changes nothing.

        Parameters
        ----------
        t : int
            Steps of the schedule until then.
        """
        t = _check.integer(f"{type(self).__name__}.rates", "t", t, 0)
        return [settings["lr"] for settings in self.settings(Clock(t))]

    def step(self, metrics: float | None = None) -> None:
        """Go on by one epoch or batch, whatever is counted.

        Parameters
        ----------
        metrics : float, optional
            The validation loss or the like, for schedules that watch it.
        """
        where = f"{type(self).__name__}.step"
        if metrics is not None:
            if not self.watches:
                raise TypeError(f"[{where}] metrics is {metrics!r} but this schedule watches nothing: call step()")
            metrics = check_metrics(where, metrics)
        self.advance(Clock(self.last_epoch + 1), metrics)

    def advance(self, clock: Clock, metrics: float | None = None) -> None:
        """Set the rates of that time, after a look at ``metrics``."""
        self._notice()
        before, self._clock = self._clock, clock
        try:
            self._write()
        except BaseException:
            self._clock = before
            raise
        if metrics is not None and self.watches:
            self.watch(metrics)
            self._write()

    def settings(self, clock: Clock) -> list[dict[str, Any]]:
        """What a parameter group's settings are at that time, group by group."""
        found: list[dict[str, Any]] = []
        for index, (base, scale) in enumerate(zip(self.base_lrs, self.scales, strict=True)):
            rate = scale * self.rate(base, index, clock)
            if not 0 <= rate < math.inf:
                raise ValueError(
                    f"[{type(self).__name__}] lr is {rate} after {clock.count(self.unit)} {self.unit}s but must be at "
                    "least 0 and finite"
                )
            settings: dict[str, Any] = {"lr": rate}
            momentum = self.momentum(index, clock)
            if momentum is not None:
                group = self.optimizer.param_groups[index]
                settings.update(
                    {"betas": (momentum, group["betas"][1])} if "betas" in group else {"momentum": momentum}
                )
            found.append(settings)
        return found

    def _notice(self) -> None:
        """What was set by hand since the last step scales what is to come."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.base_lrs):
            raise RuntimeError(
                f"[{type(self).__name__}] the optimizer has {len(groups)} parameter groups but had "
                f"{len(self.base_lrs)} when this schedule was made"
            )
        for index, (group, last, base) in enumerate(zip(groups, self._last, self.base_lrs, strict=True)):
            if group["lr"] != last:
                plain = self.rate(base, index, self._clock)
                if plain > 0:
                    self.scales[index] = group["lr"] / plain

    def _write(self) -> None:
        settings, groups = self.settings(self._clock), self.optimizer.param_groups
        before = [{name: group[name] for name in changed} for group, changed in zip(groups, settings, strict=True)]
        try:
            for group, changed in zip(groups, settings, strict=True):
                group.take(changed)
            self._last = [changed["lr"] for changed in settings]
        except BaseException:  # Ctrl-C in between would leave rates that look as if set by hand
            for group, changed in zip(groups, before, strict=True):
                group.take(changed)
            raise

    # State.

    def state_dict(self) -> dict[str, Any]:
        """How far it has come, as JSON can hold it; not its arguments."""
        self._notice()
        return {
            "steps": self._clock.steps,
            "epochs": self._clock.epochs,
            "base_lrs": list(self.base_lrs),
            "scales": list(self.scales),
            **self._inner_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave, and set the optimizer's rates; all is checked before.

        Parameters
        ----------
        state : mapping

        Raises
        ------
        ValueError
            If it is the state of another kind of schedule, or of another number of parameter groups.
        """
        where = f"{type(self).__name__}.load_state_dict"
        self._check_inner_state(state, where)
        steps = _check.integer(where, "steps", state.get("steps"), 0)
        epochs = None if state.get("epochs") is None else _check.integer(where, "epochs", state["epochs"], 0)
        numbers = {}
        for name in ("base_lrs", "scales"):
            values = state.get(name)
            if not isinstance(values, (list, tuple)) or len(values) != len(self.base_lrs):
                raise ValueError(
                    f"[{where}] {name} is {values!r:.80} but the optimizer has {len(self.base_lrs)} parameter groups"
                )
            numbers[name] = [_check.number(where, f"{name}[{i}]", value, 0) for i, value in enumerate(values)]
        self._load_inner_state(state)
        self._clock = Clock(steps, epochs)
        self.base_lrs, self.scales = numbers["base_lrs"], numbers["scales"]
        self._write()

    def _inner_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"type": type(self).__name__, **self.extra_state()}
        if self.children:
            state["children"] = [child._inner_state() for child in self.children]
        return state

    def _check_inner_state(self, state: Any, where: str) -> None:
        if not isinstance(state, Mapping):
            raise TypeError(f"[{where}] state is {state!r:.80} but must be a mapping")
        if state.get("type") != type(self).__name__:
            raise ValueError(f"[{where}] the state is that of {state.get('type')!r}, not of {type(self).__name__}")
        inner = state.get("children", [])
        if not isinstance(inner, (list, tuple)) or len(inner) != len(self.children):
            raise ValueError(f"[{where}] the state is that of a schedule of other parts")
        for child, own in zip(self.children, inner, strict=True):
            child._check_inner_state(own, where)
        self.check_extra_state(state, where)

    def _load_inner_state(self, state: Mapping[str, Any]) -> None:
        self.load_extra_state(state)
        for child, own in zip(self.children, state.get("children", []), strict=True):
            child._load_inner_state(own)

    def __repr__(self) -> str:
        parts = [*map(repr, self.children), self.describe()]
        return f"{type(self).__name__}({', '.join(part for part in parts if part)})"


def check_metrics(where: str, value: Any, name: str = "metrics") -> float:
    """A number; NaN and infinity are allowed: they are no improvement."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"[{where}] {name} is {value!r:.80} but must be a number") from error


def check_children(where: str, schedulers: Any, optimizer: Optimizer | None = None) -> list[LRScheduler]:
    """``schedulers`` as a list of schedules of this optimizer, or of the first one's."""
    if isinstance(schedulers, (str, bytes, LRScheduler)) or not hasattr(schedulers, "__iter__"):
        raise TypeError(f"[{where}] schedulers is {schedulers!r:.80} but must be a list of schedules")
    checked = list(schedulers)
    if not checked:
        raise ValueError(f"[{where}] schedulers is empty")
    for index, schedule in enumerate(checked):
        if not isinstance(schedule, LRScheduler):
            raise TypeError(f"[{where}] schedulers[{index}] is {schedule!r:.80} but must be a schedule")
        if schedule.optimizer is not (checked[0].optimizer if optimizer is None else optimizer):
            raise ValueError(f"[{where}] schedulers[{index}] ({schedule!r}) is a schedule of another optimizer")
    return checked
