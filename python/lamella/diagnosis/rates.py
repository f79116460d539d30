"""The learning rate range test, without a trainer at hand."""

from typing import Any

from lamella import optim
from lamella.diagnosis.watch import require_loss, require_model
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.optim.optimizer import Optimizer
from lamella.trainer import LRRangeTest, Trainer


def lr_range_test(
    model: Module | Trainer, x: Any, y: Any, loss: Loss | None = None, optimizer: Optimizer | None = None, **limits: Any
) -> LRRangeTest:
    """Train at rates that grow from step to step, to see which are good; all is then as before, bit for bit.

    Parameters
    ----------
    model : Module or Trainer
        A trainer has loss and optimizer; ``trainer.lr_range_test(x, y)`` is the same.
    x : array-like, (n, features)
    y : array-like
        Targets, as the loss takes them.
    loss : Loss
        With a module.
    optimizer : Optimizer, optional
        With a module; Adam by default. Good rates are those of one kind of optimizer: pass the one that is to train.
    **limits
        ``low``, ``high``, ``steps``, ``batch_size``, ``smoothing`` and ``divergence``, see
        :meth:`lamella.Trainer.lr_range_test`.

    Returns
    -------
    LRRangeTest
        Rates, losses, ``.suggestion`` and ``.plot()``.

    Raises
    ------
    TypeError
        If there is no loss, or one beside a trainer.
    DivergenceError
        If the loss is not finite before the first step.
    """
    where = "lr_range_test"
    if isinstance(model, Trainer):
        if loss is not None or optimizer is not None:
            raise TypeError(f"[{where}] the trainer has a loss and an optimizer of its own: pass none")
        return model.lr_range_test(x, y, **limits)
    require_model(model, where)
    require_loss(loss, where)
    assert loss is not None
    if optimizer is None:
        optimizer = optim.Adam(model.parameters())
    return Trainer(model, loss, optimizer).lr_range_test(x, y, **limits)
