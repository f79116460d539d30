"""Schedule-free AdamW."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lamella import _core
from lamella.nn import _check
from lamella.nn.parameter import Settings, when_gone
from lamella.optim.optimizer import Optimizer
from lamella.optim.settings import beta_fields, check_betas
from lamella.optim.update import Update, run_operand, runs


class ScheduleFreeAdamW(Optimizer):
    """AdamW without a schedule of learning rates: gradients at y, between a fast iterate z and its average x.

    y = (1 - b1) z + b1 x; z -= lr d, with d = g / (sqrt(v^) + eps) + weight_decay y and v^ as Adam's; x = (1 - c) x + c
    z, where c = w / (sum of all w) and w = step^r max(lr)^weight_lr_power. Defazio et al. 2024, "The road less
    scheduled", and their code.

    The model holds y while it trains and x when it predicts: call :meth:`eval` before predictions and :meth:`train`
    before the next step. ``Trainer.fit`` does both, and ends with x; ``Trainer.step`` calls :meth:`train`.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
    lr : float, default 2.5e-3
        Larger than Adam's: try one to ten times that.
    betas : (float, float), default (0.9, 0.999)
        The first in (0, 1), the second in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
        Decoupled, taken at y. Of weights only.
    warmup_steps : int, default 0
        Over these the rate grows from 0 to lr.
    r : float, default 0
        Weight of later iterates in the average.
    weight_lr_power : float, default 2
    **common
        decay_bias, l1, max_norm, clip_value, maximize, clip_norm: see :class:`Optimizer`.
    """

    two_points = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2.5e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        **common: Any,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "warmup_steps": warmup_steps,
            "r": r,
            "weight_lr_power": weight_lr_power,
        }
        super().__init__(params, settings, common)
        self._shares: list[tuple[int, Settings]] = []  # of the way from a group's values to z: the group, the scalar
        self._blends = [self._make_blend(memory) for memory in self.memories]

    def check(self, settings: Mapping[str, Any]) -> None:
        """Ranges."""
        where = "ScheduleFreeAdamW"
        check_betas(where, settings)
        if settings["betas"][0] == 0:
            raise ValueError(f"[{where}] betas[0] is {settings['betas'][0]!r} but must be in (0, 1)")
        for name in ("eps", "r", "weight_lr_power"):
            _check.number(where, name, settings[name], 0)
        _check.integer(where, "warmup_steps", settings["warmup_steps"], 0)

    def decay(self, settings: Mapping[str, Any]) -> str:
        """Part of the direction."""
        return "own"

    def update(self, settings: Mapping[str, Any], matrices: bool) -> Update:
        """The fast iterate and Adam's second average; sums of weights."""
        fields = {
            **beta_fields(settings),
            "eps": float(settings["eps"]),
            "decay": float(settings["weight_decay"]),
            **{name: float(settings[name]) for name in ("warmup_steps", "r", "weight_lr_power")},
        }
        return Update("schedule_free_update", ("z", "exp_avg_sq"), fields, {"weight_sum": 0.0, "lr_max": 0.0})

    def _make_blend(self, memory: _core.Memory) -> _core.Runner:
        """Moves the values of one memory some share of the way to z."""
        program = _core.Program(memory.dtype)
        program.open_range("blend")
        for number, group in enumerate(self.param_groups):
            share = Settings(share=0.0)
            share.place(memory, memory.add_scalars(1))
            when_gone(self, memory.release_scalars, share.offset, 1)
            self._shares.append((number, share))
            for run in runs(p for p in group["params"] if p.memory is memory):
                value = run_operand(_core.Arena.values, run)
                z = self.slot_operand(run[0], "z", value.size)
                program.append("weight_blend", [value, z], [value.size], share.offset)
        program.finalize()
        return _core.Runner(program, memory)

    def _blend(self, share_of: Callable[[float], float]) -> None:
        """Move the values of all groups; before the first step there is nowhere to go, x, y and z being one."""
        self.check_places()
        for number, share in self._shares:
            group = self.param_groups[number]
            share["share"] = share_of(float(group["betas"][0])) if group.blocks[0].step > 0 else 0.0
        for runner in self._blends:
            runner.run(0, 0, 1)

    def train(self) -> None:
        """Set the values to y, where gradients are to be taken."""
        if not self.training:
            self._blend(lambda beta1: 1 - beta1)
            self.training = True

    def eval(self) -> None:
        """Set the values to x, the average, which predictions are to use."""
        if self.training:
            self._blend(lambda beta1: 1 - 1 / beta1)
            self.training = False

    def step_on_sum(self, gradients: int) -> None:
        """Refused while the values are x."""
        if not self.training:
            raise RuntimeError(
                "[ScheduleFreeAdamW] the values are set to the average: call optimizer.train() before the forward pass"
            )
        super().step_on_sum(gradients)

    def mode(self) -> dict[str, Any]:
        """Whether the values are y."""
        return {"train_mode": self.training}

    def check_mode(self, saved: Mapping[str, Any], where: str) -> None:
        """A flag."""
        _check.flag(where, "train_mode", saved.get("train_mode", True))

    def restore_mode(self, saved: Mapping[str, Any]) -> None:
        """Take it over."""
        self.training = saved.get("train_mode", True)
