"""Groups of parameters that share settings."""

import math
import weakref
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from lamella import _core
from lamella.nn.parameter import Parameter, Settings, when_gone
from lamella.optim.update import is_matrix

if TYPE_CHECKING:
    from lamella.optim.optimizer import Optimizer


class Block:
    """A group's matrices, or its vectors, in one memory, and their scalars: what kernels read and carry on."""

    def __init__(
        self,
        owner: "Optimizer",
        settings: Mapping[str, Any],
        memory: _core.Memory,
        matrices: bool,
        parameters: list[Parameter],
    ) -> None:
        self.memory, self.matrices, self.parameters = memory, matrices, parameters
        self._running = dict(owner.update(settings, matrices).running)
        # Twice: a step reads what the one before left and writes the other place.
        running = {f"{name} {turn}": value for turn in (0, 1) for name, value in self._running.items()}
        self.settings = Settings(**self._all_fields(owner, settings), **running)
        self.settings.place(memory, memory.add_scalars(len(self.settings)))
        when_gone(owner, memory.release_scalars, self.settings.offset, len(self.settings))

    def _all_fields(self, owner: "Optimizer", settings: Mapping[str, Any]) -> dict[str, float]:
        limit = settings["max_norm"]
        return {**owner.fields(settings, self.matrices), "max_norm": math.inf if limit is None else float(limit)}

    def fields(self, owner: "Optimizer", settings: Mapping[str, Any]) -> dict[str, float]:
        """What the kernels read of a group's settings."""
        fields = self._all_fields(owner, settings)
        del fields["step"]
        return fields

    def write(self, owner: "Optimizer", settings: Mapping[str, Any]) -> None:
        """Put a group's settings where the kernels read them."""
        for name, value in self.fields(owner, settings).items():
            self.settings[name] = value

    @property
    def step(self) -> float:
        """Updates so far."""
        return float(self.settings["step"])

    @property
    def running(self) -> _core.Operand:
        """State in scalars, for an op."""
        first = self.settings.index(f"{next(iter(self._running))} 0")
        return _core.Operand(_core.Arena.scalars, first, 2 * len(self._running))

    def carried(self) -> dict[str, float]:
        """State in scalars, by name."""
        return {name: float(self.settings[f"{name} {int(self.step) % 2}"]) for name in self._running}

    def restore(self, step: float, running: Mapping[str, float]) -> None:
        """Take over what :attr:`step` and :meth:`carried` gave."""
        self.settings["step"] = step
        for name in self._running:
            for turn in (0, 1):
                self.settings[f"{name} {turn}"] = running[name]


class Group(MutableMapping[str, Any]):
    """Parameters that share settings: ``group["lr"] = 0.01`` takes effect at the next step.

    As PyTorch's param groups: the key "params" holds the parameters, the others are settings, checked when set.
    """

    def __init__(self, owner: "Optimizer", parameters: list[Parameter], settings: Mapping[str, Any]) -> None:
        self._owner = weakref.ref(owner)  # not a cycle: slots are to be freed as soon as the optimizer goes
        self._kind = type(owner).__name__
        self._items = {**settings, "params": parameters}
        self.blocks: list[Block] = []
        self.initial_lr: float | None = None  # "lr" when the first schedule came; None: it was set by hand since

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"[{self._kind}] the setting {key!r} cannot be removed")

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self or key == "params":
            raise KeyError(f"[{self._kind}] there is no setting {key!r} to set")
        self.check({**self, key: value}, self._kind)
        if key == "lr":
            self.initial_lr = None
        self.take({key: value})

    def __ior__(self, other: Any) -> "Group":
        self.update(other)
        return self

    def owner(self) -> "Optimizer":
        """The optimizer."""
        owner = self._owner()
        if owner is None:
            raise RuntimeError(f"[{self._kind}] the optimizer of this group is gone")
        return owner

    def make_blocks(self, memories: list[_core.Memory]) -> None:
        """Places for the scalars of each kind of parameter in each memory."""
        owner = self.owner()
        for memory in memories:
            for matrices in (True, False):
                own = [p for p in self["params"] if p.memory is memory and is_matrix(p) == matrices]
                if own:
                    self.blocks.append(Block(owner, self._items, memory, matrices, own))

    def block(self, parameter: Parameter) -> Block:
        """The scalars of a parameter's update."""
        kind = is_matrix(parameter)
        return next(b for b in self.blocks if b.memory is parameter.memory and b.matrices == kind)

    def check(self, settings: Mapping[str, Any], where: str) -> None:
        """Raise if these settings are out of range, or store other things than the present ones."""
        owner = self.owner()
        owner.check_all(settings)
        kinds = {is_matrix(p) for p in self["params"]}
        if any(owner.slots(settings, kind) != owner.slots(self, kind) for kind in kinds):
            changed = [name for name in self if name != "params" and settings[name] != self[name]]
            raise ValueError(f"[{where}] {', '.join(changed)} changes what is stored; make a new optimizer")

    def take(self, settings: Mapping[str, Any]) -> None:
        """Take over checked settings."""
        owner = self.owner()
        before = owner.structure(self._items)
        self._items.update(settings)
        if owner.structure(self._items) != before:
            owner.rebuild()
        self.write()

    def write(self) -> None:
        """Put the settings where the kernels read them."""
        owner = self.owner()
        for block in self.blocks:
            block.write(owner, self._items)

    def columns(self, table: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, list[float]]]:
        """Scalars that differ between the rows of a table of settings: their places, and their values by row."""
        for block in self.blocks:
            rows = [block.fields(self.owner(), {**self._items, **settings}) for settings in table]
            for name in rows[0]:
                values = [row[name] for row in rows]
                if any(value != values[0] for value in values):
                    yield block.settings.index(name), values

    def restore(self, settings: Mapping[str, Any], step: float, running: Mapping[str, float]) -> None:
        """Take over a checked state: settings, the number of steps so far and what else steps carry on."""
        self.initial_lr = None
        self.take({key: value for key, value in settings.items() if key in self and key != "params"})
        for block in self.blocks:
            block.restore(step, running)

    def __repr__(self) -> str:
        return f"Group({', '.join(f'{key}={value!r}' for key, value in self.items())})"


def make_groups(owner: "Optimizer", params: Iterable[Any], settings: dict[str, Any]) -> list[Group]:
    """Groups of what a user gave, a list of parameters or of dicts; ``settings`` hold where those say nothing."""
    where = type(owner).__name__
    if isinstance(params, Parameter) or not isinstance(params, Iterable):
        raise TypeError(f"[{where}] params is {params!r} but must be a list of parameters: model.parameters()")
    entries = list(params)
    if not entries:
        raise ValueError(f"[{where}] params is empty: the model has nothing to train")
    if not isinstance(entries[0], dict):
        entries = [{"params": entries}]
    groups: list[Group] = []
    seen: set[int] = set()
    for entry in entries:
        group = _make_group(owner, entry, settings)
        for parameter in group["params"]:
            if id(parameter) in seen:
                raise ValueError(f"[{where}] parameter {parameter.name} is given twice")
            seen.add(id(parameter))
        groups.append(group)
    return groups


def _make_group(owner: "Optimizer", entry: Any, settings: dict[str, Any]) -> Group:
    where = type(owner).__name__
    if not isinstance(entry, dict) or "params" not in entry:
        raise TypeError(f'[{where}] a parameter group is a dict with "params", not {entry!r}')
    own = {key: value for key, value in entry.items() if key != "params"}
    unknown = [key for key in own if key not in settings]
    if unknown:
        raise ValueError(f"[{where}] a parameter group has unknown settings: {', '.join(unknown)}")
    parameters = entry["params"]
    if not isinstance(parameters, (Parameter, Iterable)):
        raise TypeError(f'[{where}] "params" of a parameter group is {parameters!r} but must be a list of parameters')
    parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    if not parameters:
        raise ValueError(f'[{where}] "params" of a parameter group is empty')
    for parameter in parameters:
        if not isinstance(parameter, Parameter):
            raise TypeError(f"[{where}] {parameter!r} is no parameter of a lamella model")
        if parameter.memory is None:
            raise ValueError(f"[{where}] {parameter!r} has no values yet; take it from model.parameters()")
    merged = {**settings, **own}
    owner.check_all(merged)
    return Group(owner, parameters, merged)
