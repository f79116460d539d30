"""Penalties that make hidden units rarely active."""

from typing import Any

from lamella import _core
from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Settings
from lamella.nn.setting import Setting


class Sparsity(Module):
    """The identity, with a penalty on the values that pass, added to the loss in training.

    ``l1 / n sum_ij |y_ij| + kl sum_j KL(target || m_j)``, m_j = the mean of unit j over the batch of n rows and
    KL(t || m) = t log(t / m) + (1 - t) log((1 - t) / (1 - m)): the sparse autoencoder's penalty (Ng 2011, CS294A
    lecture notes). Its gradient is added in the backward pass; the loss's value, and a history's "loss", are without
    it: :attr:`penalty` and ``history["penalty"]`` have it.

    Shape: (n, features) -> (n, features).

    Parameters
    ----------
    l1 : float, default 0
        Factor of the mean over rows of the sum of magnitudes; at least 0. May be set at any time.
    kl : float, default 0
        Factor of the divergences; at least 0. For values in (0, 1) alone, such as a sigmoid's: means are held within
        1e-6 of that range, so that a unit that is never (or always) active has a finite penalty. May be set at any
        time.
    target : float, default 0.05
        The mean activation wanted, inside (0, 1). May be set at any time.
    """

    l1 = Setting(least=0)
    kl = Setting(least=0)

    def __init__(self, l1: float = 0.0, kl: float = 0.0, target: float = 0.05) -> None:
        super().__init__()
        self.settings = Settings(l1=0.0, kl=0.0, target=0.0, value=0.0, total=0.0)  # SparsityHyper, SparsityResult
        self.l1 = l1
        self.kl = kl
        self.target = target

    @property
    def target(self) -> float:
        """The mean activation wanted."""
        return self._get("target")

    @target.setter
    def target(self, value: float) -> None:
        checked = _check.number("Sparsity", "target", value, 0, 1)
        if checked in (0, 1):
            raise ValueError(f"[Sparsity] target is {value!r} but must be inside (0, 1)")
        self._set("target", checked)

    @property
    def penalty(self) -> float:
        """Of the last training batch; 0 before there was one."""
        return self._get("value")

    def penalty_total(self) -> float:
        """Of the training batches since the last :meth:`clear_penalty_total`."""
        return self._get("total")

    def clear_penalty_total(self) -> None:
        """Begin anew."""
        self._set("total", 0.0)

    def penalty_scalars(self) -> list[int]:
        """The one of :meth:`penalty_total`."""
        assert self.settings is not None
        return [self.settings.index("total")]

    def _get(self, name: str) -> float:
        assert self.settings is not None
        return float(self.settings[name])

    def _set(self, name: str, value: float) -> None:
        assert self.settings is not None
        self.settings[name] = value

    def config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {"l1": self.l1, "kl": self.kl, "target": self.target}

    def emit(self, builder: Builder, x: Value) -> Value:
        """In training: sparsity_forward; sparsity_backward. The values stay where they are."""
        if not builder.trains(self):
            return x
        assert self.settings is not None
        y = Value(x.operand, x.width, builder.rows(x.width) if x.wants_grad else x.grad)
        slope, hyper = builder.fixed(x.width), self.settings.offset
        result = _core.Operand(_core.Arena.scalars, self.settings.index("value"), 2)
        builder.forward("sparsity_forward", [result, slope, builder.fixed(x.width), x.operand], [x.width], hyper)
        if x.wants_grad:
            builder.backward("sparsity_backward", [x.grad, y.grad, x.operand, slope], [x.width], hyper)
        return y
