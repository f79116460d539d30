"""The base of the optimizers."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lamella import _core
from lamella._arrays import Array
from lamella.nn.parameter import Parameter
from lamella.optim import state
from lamella.optim.group import Group, make_groups
from lamella.optim.penalty import PenaltySum
from lamella.optim.plan import Plan, append
from lamella.optim.settings import COMMON, check_common, common_fields, positive_or_none
from lamella.optim.update import Update, is_matrix


class Optimizer:
    """Base of the optimizers: a native pass over values, gradients and slots.

    A subclass gives :meth:`check` and :meth:`update`. All take the settings below by keyword, for each group.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        ``model.parameters()``; or groups with settings of their own: ``[{"params": [...], "lr": 0.1}, ...]``.
    settings : dict
        The subclass's own, with their values for groups that say nothing else.
    common : mapping
        What was given of those that all take.

    Other Parameters
    ----------------
    weight_decay : float
        The penalty weight_decay / 2 |w|^2: its gradient weight_decay * w is added to the loss's. Or decoupled
        (Loshchilov & Hutter 2019), where the optimizer says so: w *= 1 - lr * weight_decay before the update. Of
        weights only.
    decay_bias : bool, default False
        Penalties act on biases and batch-norm parameters too, as PyTorch's weight_decay does.
    l1 : float, default 0
        The penalty l1 |w|: l1 * sign(w) is added to the gradient. Elastic net: with weight_decay.
    max_norm : float, optional
        After each update, the incoming weights of each unit (a row of ``Linear.weight``) that are longer are scaled
        back to this length (Srivastava et al. 2014).
    clip_value : float, optional
        Each element of the gradient is first cut to [-clip_value, clip_value].
    maximize : bool, default False
        Go up the gradient; penalties still pull towards zero.
    clip_norm : float, optional
        For all groups together, and an attribute to set at any time: if the norm of the whole gradient is larger, all
        of it is scaled by clip_norm / (norm + 1e-6), before clip_value. ``grad`` itself stays as it is.

    Attributes
    ----------
    param_groups : list of Group
        Settings by group; may be changed at any time.
    """

    #: Whether the values are where gradients are to be taken.
    training = True
    #: Whether there are two points: one to take gradients at, one to predict with; see :meth:`train` and :meth:`eval`.
    two_points = False
    #: Whether the algebra hangs on the number of steps: then a state must say it.
    counts_steps = True
    #: Whether parameters differ in what they keep, so that each keeps its own: see :meth:`slot_shapes`.
    compact = False

    def __init__(self, params: Iterable[Any], settings: dict[str, Any], common: Mapping[str, Any]) -> None:
        where = type(self).__name__
        common = dict(common)
        self._clip_norm = positive_or_none(where, "clip_norm", common.pop("clip_norm", None))
        unknown = [name for name in common if name not in COMMON]
        if unknown:
            raise TypeError(f"[{where}] there is no setting {', '.join(map(repr, unknown))}")
        self.param_groups = make_groups(self, params, {**settings, **COMMON, **common})
        self._plan = Plan(self)
        self._plan.limit_norm(self)

    # What subclasses say.

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise if a setting of this optimizer's own is out of its range."""

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """The update of matrices, or of vectors; ``settings["weight_decay"]`` is 0 where there is to be none."""
        raise NotImplementedError

    def decay(self, settings: Mapping[str, Any]) -> str:
        """What weight_decay is: "coupled", "decoupled", or the update's "own" business."""
        return "coupled"

    def structure(self, settings: Mapping[str, Any]) -> tuple[Any, ...]:
        """What of the settings decides which ops there are."""
        return (settings["max_norm"] is None,)

    def slot_shapes(self, settings: Mapping[str, Any], parameter: Parameter) -> dict[str, tuple[int, ...]]:
        """Names and shapes of a parameter's arrays, if ``compact``."""
        return dict.fromkeys(self.slots(settings, is_matrix(parameter)), parameter.shape)

    # What follows from that.

    def check_all(self, settings: Mapping[str, Any]) -> None:
        """Raise if any setting is out of its range."""
        check_common(type(self).__name__, settings)
        self.check(settings)

    def acting(self, settings: Mapping[str, Any], matrices: bool) -> Mapping[str, Any]:
        """Settings without penalties where they are not to act."""
        return settings if matrices or settings["decay_bias"] else {**settings, "weight_decay": 0.0, "l1": 0.0}

    def fields(self, settings: Mapping[str, Any], matrices: bool) -> dict[str, float]:
        """The kernel's settings, in the order of its struct."""
        acting = self.acting(settings, matrices)
        return {**common_fields(acting, self.decay(settings)), **self.update(acting, matrices).fields}

    def slots(self, settings: Mapping[str, Any], matrices: bool) -> tuple[str, ...]:
        """Names of the arrays that these settings keep for a matrix, or for a vector."""
        return tuple(name for name in self.update(settings, matrices).slots if name is not None)

    def slot_view(self, parameter: Parameter, name: str) -> Array:
        """One of them: a view, writable."""
        return self._plan.slot_view(parameter, name)

    def slot_operand(self, parameter: Parameter, name: str, count: int) -> _core.Operand:
        """``count`` elements of such an array from that parameter on, for an op."""
        return self._plan.slot_operand(parameter, name, count)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, group by group."""
        for group in self.param_groups:
            yield from group["params"]

    # For programs that hold a whole step.

    def emit(self, program: _core.Program, memory: _core.Memory, accumulates: bool = False) -> None:
        """Append the update of that model's parameters to the last range of a program.

        Parameters
        ----------
        program : _core.Program
        memory : _core.Memory
        accumulates : bool
            Gradients are sums of as many as the scalar :meth:`gradients` says: their mean counts.
        """
        self.check_places()
        for ops in self._plan.stages(self, program, memory, accumulates):
            append(program, ops)

    def gradients(self, memory: _core.Memory) -> _core.Operand:
        """The scalar that says how many gradients were added up."""
        return self._plan.gradients(memory)

    @property
    def revision(self) -> int:
        """Counts changes of settings that ask for other ops: programs are then made anew."""
        return self._plan.revision

    def rebuild(self) -> None:
        """Settings ask for other ops."""
        self._plan.rebuild()

    @property
    def memories(self) -> list[_core.Memory]:
        """The memories of all models with parameters here."""
        return self._plan.memories

    def check_places(self) -> None:
        """RuntimeError if parameters have moved since: their slots did not move with them."""
        own = {id(memory) for memory in self.memories}
        for parameter in self.parameters():
            if id(parameter.memory) not in own:
                raise RuntimeError(
                    f"[{type(self).__name__}] {parameter.name} has become part of another model since this optimizer "
                    "was made; make the optimizer after the last model"
                )

    # Use.

    def step(self) -> None:
        """Update all parameters by their gradients."""
        self.step_on_sum(1)

    def step_on_sum(self, gradients: int) -> None:
        """Update all parameters by the mean of so many gradients, of which ``grad`` holds the sum."""
        self.check_places()
        self._plan.step(self, gradients)

    def train(self) -> None:
        """Set the values to where gradients are to be taken; only schedule-free optimizers tell that apart."""

    def eval(self) -> None:
        """Set the values to what predictions are to use; only schedule-free optimizers tell that apart."""

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

    @property
    def rate_place(self) -> int:
        """The scalar that holds the first group's rate."""
        return self.param_groups[0].blocks[0].settings.index("lr")

    @property
    def clip_norm(self) -> float | None:
        """Largest norm of the whole gradient, None: any. May be set at any time."""
        return self._clip_norm

    @clip_norm.setter
    def clip_norm(self, value: float | None) -> None:
        checked = positive_or_none(type(self).__name__, "clip_norm", value)
        changes = (checked is None) != (self._clip_norm is None)
        self._clip_norm = checked
        self._plan.limit_norm(self)
        if changes:
            self.rebuild()

    @property
    def grad_norm(self) -> float:
        """Norm of the whole gradient at the last update, before clipping; NaN without ``clip_norm``."""
        return math.nan if self._clip_norm is None else self._plan.norm

    @property
    def penalized(self) -> bool:
        """Whether there is a penalty, that :meth:`penalty` has something to sum up."""
        return any(any(self._penalties(group, p)) for group in self.param_groups for p in group["params"])

    def _penalties(self, group: Group, parameter: Parameter) -> tuple[float, float]:
        acting = self.acting(group, is_matrix(parameter))
        coupled = self.decay(group) == "coupled"
        return float(acting["weight_decay"]) if coupled else 0.0, float(acting["l1"])

    def penalty(self) -> float:
        """The value of the penalties: weight_decay / 2 |w|^2 (where it is coupled) + l1 |w|_1, over what they act on.

        Returns
        -------
        float
            What the updates minimise besides the loss. Summed up in float64.
        """
        self.check_places()
        return sum(self.penalty_sum(memory).value() for memory in self.memories) if self.penalized else 0.0

    def penalty_sum(self, memory: _core.Memory) -> PenaltySum:
        """What sums up the penalties on that model's parameters, for programs."""
        return self._plan.penalty(self, memory)

    # State.

    def mode(self) -> dict[str, Any]:
        """What a state says of :attr:`training`, if it matters."""
        return {}

    def check_mode(self, saved: Mapping[str, Any], where: str) -> None:
        """Raise if :meth:`restore_mode` cannot take this."""

    def restore_mode(self, saved: Mapping[str, Any]) -> None:
        """Take over what :meth:`mode` gave; the values themselves are the model's state."""

    def state_dict(self) -> dict[str, Any]:
        """Copies of steps, slots and settings, in the layout of PyTorch's optimizers.

        Returns
        -------
        dict
            ``{"state": {i: {"step": float, slot: array, ...}}, "param_groups": [{..., "params": [i, ...]}]}``, and
            "clip_norm".
        """
        return state.collect(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; everything is checked before anything is changed.

        Parameters
        ----------
        state_dict : mapping

        Raises
        ------
        ValueError
            If groups, parameters, slots or shapes differ.
        """
        state.restore(self, state_dict)

    def __reduce__(self) -> Any:
        raise TypeError(f"[{type(self).__name__}] an optimizer is not copied or pickled; use its state_dict()")

    def __repr__(self) -> str:
        count = sum(p.size for p in self.parameters())
        first = self.param_groups[0]
        shown = {k: v for k, v in first.items() if k != "params" and (k not in COMMON or v != COMMON[k])}
        if self._clip_norm is not None:
            shown["clip_norm"] = self._clip_norm
        text = ", ".join(f"{key}={value!r}" for key, value in shown.items())
        more = f", {len(self.param_groups)} groups" if len(self.param_groups) > 1 else ""
        return f"{type(self).__name__}({text}{more})  # {count:,} parameters"
