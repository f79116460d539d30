"""The base of the optimizers."""

import weakref
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from lamella import _core
from lamella._arrays import Array, to_array
from lamella.nn.builder import NOTHING, Op
from lamella.nn.parameter import Parameter, Settings, when_gone


class Group(MutableMapping[str, Any]):
    """Parameters that share settings: ``group["lr"] = 0.01`` takes effect at the next step.

    As PyTorch's param groups: the key "params" holds the parameters, the others are settings, checked when set.
    """

    def __init__(self, owner: "Optimizer", parameters: list[Parameter], settings: Mapping[str, Any]) -> None:
        self._owner = weakref.ref(owner)  # not a cycle: slots are to be freed as soon as the optimizer goes
        self._kind = type(owner).__name__
        self._items = {**settings, "params": parameters}
        self.initial_lr: float | None = None  # "lr" when the first schedule came; None: it was set by hand since
        self.blocks: list[tuple[Settings, bool]] = []  # the settings of each op, and whether it updates matrices

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
        self._items[key] = value
        self.write()

    def __ior__(self, other: Any) -> "Group":
        self.update(other)
        return self

    def check(self, settings: Mapping[str, Any], where: str) -> None:
        """Raise if these settings are out of range, or store other things than the present ones."""
        owner = self._owner()
        if owner is None:
            raise RuntimeError(f"[{self._kind}] the optimizer of this group is gone")
        owner.check(settings)
        if owner.slots(settings) != owner.slots(self):
            changed = [name for name in self if name != "params" and settings[name] != self[name]]
            raise ValueError(f"[{where}] {', '.join(changed)} changes what is stored; make a new optimizer")

    def replace(self, settings: Mapping[str, Any], step: float) -> None:
        """Take over checked settings and the number of steps so far."""
        self._items.update({key: value for key, value in settings.items() if key in self and key != "params"})
        self.initial_lr = None
        self.write()
        for block, _ in self.blocks:
            block["step"] = step

    def take(self, settings: Mapping[str, Any]) -> None:
        """Take over what a schedule says, and has checked."""
        self._items.update(settings)
        self.write()

    def write(self) -> None:
        """Put the settings where the kernels read them."""
        for block, matrices in self.blocks:
            for name, field in self.fields({}).items():
                block[name] = 0.0 if self._spared(name, matrices) else float(field)

    def fields(self, changed: Mapping[str, Any]) -> dict[str, float]:
        """What the kernels read, with some settings changed."""
        owner = self._owner()
        assert owner is not None
        return owner.fields({**self._items, **changed})

    def places(self, name: str) -> list[int]:
        """Scalars that hold a field of :meth:`fields`."""
        return [block.index(name) for block, matrices in self.blocks if not self._spared(name, matrices)]

    def _spared(self, name: str, matrices: bool) -> bool:
        """Whether a field is zero there: biases and the like do not decay unless asked to."""
        return name == "weight_decay" and not matrices and not self["decay_bias"]

    def __repr__(self) -> str:
        return f"Group({', '.join(f'{key}={value!r}' for key, value in self.items())})"


class Optimizer:
    """Base of the optimizers: one native pass over values, gradients and slots.

    A subclass names its kernel and gives :meth:`check`, :meth:`slots` and :meth:`fields`.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        ``model.parameters()``; or groups with settings of their own: ``[{"params": [...], "lr": 0.1}, ...]``.
    settings : dict
        Of all groups that do not say otherwise.

    Attributes
    ----------
    param_groups : list of Group
        Settings by group; may be changed at any time.
    """

    kernel: str
    #: Slots that the kernel takes, in its order, under PyTorch's names.
    slot_names: tuple[str, ...]
    #: Whether the algebra hangs on the number of steps: then a state must say it.
    counts_steps = True

    def __init__(self, params: Iterable[Any], settings: dict[str, Any]) -> None:
        where = type(self).__name__
        if isinstance(params, Parameter) or not isinstance(params, Iterable):
            raise TypeError(f"[{where}] params is {params!r} but must be a list of parameters: model.parameters()")
        entries = list(params)
        if not entries:
            raise ValueError(f"[{where}] params is empty: the model has nothing to train")
        if not isinstance(entries[0], dict):
            entries = [{"params": entries}]
        self.param_groups: list[Group] = []
        seen: set[int] = set()
        for entry in entries:
            group = self._make_group(entry, settings, where)
            for parameter in group["params"]:
                if id(parameter) in seen:
                    raise ValueError(f"[{where}] parameter {parameter.name} is given twice")
                seen.add(id(parameter))
            self.param_groups.append(group)
        self._memories: list[_core.Memory] = []
        for parameter in self.parameters():
            if not any(memory is parameter.memory for memory in self._memories):
                assert parameter.memory is not None
                self._memories.append(parameter.memory)
        names = sorted({name for group in self.param_groups for name in self.slots(group)})
        #: First slot number of each memory, and the place of each name among the slots.
        self._first_slot = [memory.add_slots(len(names)) if names else 0 for memory in self._memories]
        for memory, first in zip(self._memories, self._first_slot, strict=True):
            when_gone(self, memory.release_slots, first, len(names))
        self._slot_place = {name: place for place, name in enumerate(names)}
        self._updates = [self._make_ops(index) for index in range(len(self._memories))]
        self._runners = [self._make_runner(index) for index in range(len(self._memories))]

    # What subclasses say.

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise if a setting is out of its range."""
        raise NotImplementedError

    def slots(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Which of ``slot_names`` these settings need."""
        return self.slot_names

    def fields(self, settings: Mapping[str, Any]) -> dict[str, float]:
        """The kernel's hyper-parameters after ``step``, in the order of its struct."""
        raise NotImplementedError

    # The same for all.

    def _make_group(self, entry: Any, settings: dict[str, Any], where: str) -> Group:
        if not isinstance(entry, dict) or "params" not in entry:
            raise TypeError(f'[{where}] a parameter group is a dict with "params", not {entry!r}')
        own = {key: value for key, value in entry.items() if key != "params"}
        unknown = [key for key in own if key not in settings]
        if unknown:
            raise ValueError(f"[{where}] a parameter group has unknown settings: {', '.join(unknown)}")
        parameters = entry["params"]
        if not isinstance(parameters, (Parameter, Iterable)):
            raise TypeError(
                f'[{where}] "params" of a parameter group is {parameters!r} but must be a list of parameters'
            )
        parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
        if not parameters:
            raise ValueError(f'[{where}] "params" of a parameter group is empty')
        for parameter in parameters:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"[{where}] {parameter!r} is no parameter of a lamella model")
            if parameter.memory is None:
                raise ValueError(f"[{where}] {parameter!r} has no values yet; take it from model.parameters()")
        merged = {**settings, **own}
        self.check(merged)
        return Group(self, parameters, merged)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, group by group."""
        for group in self.param_groups:
            yield from group["params"]

    def _make_ops(self, index: int) -> list[Op]:
        """Updates of one memory: an op for each run of neighbours in the arena with the same settings."""
        memory, ops = self._memories[index], []
        for group in self.param_groups:
            own = sorted((p for p in group["params"] if p.memory is memory), key=lambda p: p.offset)
            for matrices, begin, end in _runs(own):
                settings = Settings(step=0.0, **self.fields(group))
                settings.place(memory, memory.add_scalars(len(settings)))
                when_gone(self, memory.release_scalars, settings.offset, len(settings))
                group.blocks.append((settings, matrices))
                used = self.slots(group)
                slots = [
                    _core.Operand(
                        _core.Arena.slots, begin, end - begin, slot=self._first_slot[index] + self._slot_place[name]
                    )
                    if name in used
                    else NOTHING
                    for name in self.slot_names
                ]
                value = _core.Operand(_core.Arena.values, begin, end - begin)
                grad = _core.Operand(_core.Arena.grads, begin, end - begin)
                ops.append(Op(self.kernel, [value, *slots, grad], [end - begin], settings.offset))
            group.write()
        return ops

    def _make_runner(self, index: int) -> _core.Runner:
        program = _core.Program(self._memories[index].dtype)
        program.open_range("update")
        for op in self._updates[index]:
            program.append(op.kernel, list(op.operands), list(op.sizes), op.hyper)
            program.tick(op.hyper)
        program.finalize()
        return _core.Runner(program, self._memories[index])

    def check_places(self) -> None:
        """RuntimeError if parameters have moved since: their slots did not move with them."""
        for parameter in self.parameters():
            if not any(parameter.memory is memory for memory in self._memories):
                raise RuntimeError(
                    f"[{type(self).__name__}] {parameter.name} has become part of another model since this optimizer "
                    "was made; make the optimizer after the last model"
                )

    def ops_for(self, memory: _core.Memory) -> list[Op]:
        """Updates of that model's parameters, for a program that holds a whole step; their ``step`` is to be ticked."""
        self.check_places()
        for own, ops in zip(self._memories, self._updates, strict=True):
            if own is memory:
                return ops
        return []

    @property
    def memories(self) -> list[_core.Memory]:
        """The memories of all models with parameters here."""
        return self._memories

    def step(self) -> None:
        """Update all parameters by their gradients."""
        self.check_places()
        for runner in self._runners:
            runner.run(0, 0, 1)

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to zero."""
        for parameter in self.parameters():
            parameter.grad.fill(0)

    @property
    def lr(self) -> float:
        """Learning rate of the first group; setting it sets all groups'."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.param_groups:
            group.check({**group, "lr": value}, type(self).__name__)
        for group in self.param_groups:
            group["lr"] = value

    def _slot_view(self, parameter: Parameter, name: str) -> Array:
        index = next(i for i, memory in enumerate(self._memories) if memory is parameter.memory)
        return parameter.slot(self._first_slot[index] + self._slot_place[name])

    def state_dict(self) -> dict[str, Any]:
        """Copies of steps, slots and settings, in the layout of PyTorch's optimizers.

        Returns
        -------
        dict
            ``{"state": {i: {"step": float, slot: array, ...}}, "param_groups": [{..., "params": [i, ...]}]}``.
        """
        state: dict[int, dict[str, Any]] = {}
        groups = []
        for group in self.param_groups:
            numbers = list(range(len(state), len(state) + len(group["params"])))
            for number, parameter in zip(numbers, group["params"], strict=True):
                state[number] = {"step": float(group.blocks[0][0]["step"])}
                for name in self.slots(group):
                    state[number][name] = self._slot_view(parameter, name).copy(order="C")
            groups.append({**{k: v for k, v in group.items() if k != "params"}, "params": numbers})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; everything is checked before anything is changed.

        Raises
        ------
        ValueError
            If groups, parameters, slots or shapes differ.
        """
        where = f"{type(self).__name__}.load_state_dict"
        for key in ("state", "param_groups"):
            if not isinstance(state, Mapping) or key not in state:
                raise ValueError(f"[{where}] state is {state!r:.80} but must be a mapping with {key!r}")
        groups = list(state["param_groups"])
        counts = [len(g["params"]) if isinstance(g, Mapping) and "params" in g else None for g in groups]
        if counts != [len(g["params"]) for g in self.param_groups]:
            raise ValueError(
                f"[{where}] the state has other parameter groups than this optimizer: their params number {counts}"
            )
        arrays: list[tuple[Array, Array]] = []
        steps: list[float] = []
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.check({**group, **{k: v for k, v in saved.items() if k in group and k != "params"}}, where)
            for parameter, number in zip(group["params"], saved["params"], strict=True):
                entry = state["state"].get(number)
                if not isinstance(entry, Mapping):
                    raise ValueError(f"[{where}] there is no state of {parameter.name} (number {number})")
                arrays += self._checked_slots(group, parameter, entry, where)
                step = self._checked_step(parameter, entry, where)
                if parameter is group["params"][0]:
                    steps.append(step)
        for view, value in arrays:
            view[...] = value
        for group, saved, step in zip(self.param_groups, groups, steps, strict=True):
            group.replace(saved, step)

    def _checked_slots(
        self, group: Group, parameter: Parameter, entry: Mapping[str, Any], where: str
    ) -> list[tuple[Array, Array]]:
        pairs = []
        for name in self.slots(group):
            if entry.get(name) is None:
                raise ValueError(f"[{where}] {name} of {parameter.name} is missing")
            value = to_array(entry[name], f"{name} of {parameter.name}", where)
            if value.shape != parameter.shape:
                raise ValueError(f"[{where}] {name} of {parameter.name} has shape {value.shape}, not {parameter.shape}")
            pairs.append((self._slot_view(parameter, name), value))
        return pairs

    def _checked_step(self, parameter: Parameter, entry: Mapping[str, Any], where: str) -> float:
        if "step" not in entry and not self.counts_steps:
            return 1.0  # PyTorch keeps none here; that there is a state says that there was a step
        name = f"step of {parameter.name}"
        if entry.get("step") is None:
            raise ValueError(f"[{where}] {name} is missing")
        step = to_array(entry["step"], name, where)
        if step.size != 1 or not 0 <= float(step.reshape(())) < 2**53:
            raise ValueError(f"[{where}] {name} is {step} but must be a number of steps")
        return float(step.reshape(()))

    def __reduce__(self) -> Any:
        raise TypeError(f"[{type(self).__name__}] an optimizer is not copied or pickled; use its state_dict()")

    def __repr__(self) -> str:
        count = sum(p.size for p in self.parameters())
        shown = ", ".join(f"{k}={v!r}" for k, v in self.param_groups[0].items() if k != "params")
        more = f", {len(self.param_groups)} groups" if len(self.param_groups) > 1 else ""
        return f"{type(self).__name__}({shown}{more})  # {count:,} parameters"


def _runs(parameters: list[Parameter]) -> Iterator[tuple[bool, int, int]]:
    """(matrices, begin, end) of neighbours in the arena, sorted by offset; the padding between them belongs to them."""
    begin = end = -1
    matrices = False
    for parameter in parameters:
        own = len(parameter.shape) >= 2
        if begin >= 0 and own == matrices and parameter.offset - end < 16:
            end = parameter.offset + parameter.size
            continue
        if begin >= 0:
            yield matrices, begin, end
        begin, end, matrices = parameter.offset, parameter.offset + parameter.size, own
    if begin >= 0:
        yield matrices, begin, end
