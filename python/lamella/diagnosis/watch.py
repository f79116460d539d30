"""What layers make of some rows, and the gradients there; the model stays as it is."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from lamella._arrays import Array, check_finite
from lamella.nn.batchnorm import BatchNorm1d
from lamella.nn.loss import Loss
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter
from lamella.nn.python_layer import PythonLayer
from lamella.nn.replay import Replay
from lamella.nn.statistics import exact_batchnorm_statistics
from lamella.trainer.samples import Samples, check_samples, features_of, samples_of
from lamella.trainer.snapshot import counters, set_counters


@dataclass(frozen=True)
class Layer:
    """A layer inside a model: one that is no container, at one of its places."""

    name: str
    module: Module

    @property
    def kind(self) -> str:
        """Its class; that of the body, for a layer in Python."""
        return type(self.module.body if isinstance(self.module, PythonLayer) else self.module).__name__

    def __str__(self) -> str:
        return f"layer {self.name} ({self.kind})" if self.name else self.kind


@dataclass(frozen=True)
class Gradients:
    """Of a loss, by what layers make and by parameters.

    Attributes
    ----------
    loss : float
    layers : dict of str to ndarray, (n, units)
        By the outputs of each layer.
    parameters : dict of str to ndarray
        In the shapes of the parameters.
    input : ndarray, (n, features)
    """

    loss: float
    layers: dict[str, Array]
    parameters: dict[str, Array]
    input: Array


def require_model(model: Any, where: str) -> Module:
    """``model``, if it is one."""
    if not isinstance(model, Module):
        hint = " (an instance, not the class)" if isinstance(model, type) else ""
        raise TypeError(f"[{where}] model is {model!r:.80} but must be a Module{hint}")
    return model


def require_loss(loss: Any, where: str) -> Loss:
    """``loss``, if it is one."""
    if not isinstance(loss, Loss):
        hint = " (an instance, not the class)" if isinstance(loss, type) else ""
        raise TypeError(f"[{where}] loss is {loss!r:.80} but must be a Loss{hint}")
    return loss


def body_state(layer: PythonLayer) -> dict[str, Any]:
    """A copy of all that a layer in Python keeps; parameters are the same objects, and so is what cannot be copied."""
    state = dict(layer.body.__dict__)
    kept: dict[int, Any] = {id(item): item for item in state.values() if isinstance(item, Parameter)}
    try:
        return copy.deepcopy(state, kept)
    except Exception:  # a lock, an open file
        return state


class Kept:
    """All that a forward and a backward pass change in a model, to go back to.

    Running statistics, counters (which key the masks of dropout), sums of penalties, gradients, what layers in Python
    keep. Not weights.

    Parameters
    ----------
    model : Module
    gradients : bool, default True
        Whether those of parameters are among them.
    """

    def __init__(self, model: Module, gradients: bool = True) -> None:
        model.store()
        self._model = model
        self._counters = counters(model)
        self._states = [(state, state.data.copy()) for _, state in model.named_states()]
        parameters = model.named_parameters() if gradients else ()
        self._gradients = [(parameter, parameter.grad.copy()) for _, parameter in parameters]
        layers = [module for _, module in model.named_modules() if isinstance(module, PythonLayer)]
        self._bodies = [(layer.body.__dict__, layer) for layer in layers if hasattr(layer.body, "__dict__")]
        self._kept = [body_state(layer) for _, layer in self._bodies]

    def restore(self) -> None:
        """Go back, bit for bit."""
        set_counters(self._model, self._counters)
        for state, values in self._states:
            state.data[...] = values
        for parameter, gradient in self._gradients:
            parameter.grad[...] = gradient
        for (state, _), kept in zip(self._bodies, self._kept, strict=True):
            state.clear()
            state.update(kept)
        self._kept = [body_state(layer) for _, layer in self._bodies]  # what was put back may be changed in place


@contextmanager
def unchanged(model: Module) -> Iterator[None]:
    """Passes inside leave the model as it was."""
    kept = Kept(model)
    try:
        yield
    finally:
        kept.restore()


class Watch:
    """A forward (and backward) pass over some rows, after which all that passed between layers can be read.

    Parameters
    ----------
    model : Module
    width : int
        Features of the input.
    training : bool or None
        The behaviour of layers; None: each its own.
    """

    def __init__(self, model: Module, width: int, training: bool | None) -> None:
        self._replay = Replay(model, model.store(), width, training, watch=True)
        names = {id(module): name for name, module in model.named_modules()}
        self._places = []
        for container, index, x, y in self._replay.passed:
            name, layer = container.children()[index]
            if not layer.children():
                prefix = names[id(container)]
                self._places.append((Layer(f"{prefix}.{name}" if prefix else name, layer), x, y))
        if not model.children():
            self._places.append((Layer("", model), self._replay.x, self._replay.y))
        self._n = 0

    @property
    def layers(self) -> list[Layer]:
        """Those that are no containers, first to last."""
        return [layer for layer, _, _ in self._places]

    def index_columns(self) -> set[int]:
        """Columns of the input that hold whole numbers."""
        return {column for column, _ in self._replay.indices}

    def forward(self, x: Array, where: str) -> Array:
        """The outputs."""
        features = self._replay.checked(x, where)
        self._n = len(features)
        return self._replay.forward(features)

    def backward(self, dy: Array) -> Array:
        """The gradient by the input; gradients of parameters are added to."""
        self._replay.require_backward()
        return self._replay.backward(dy)

    def inputs(self) -> list[Array]:
        """What each of :attr:`layers` got: copies."""
        return [self._replay.runner.view(x.operand, self._n, x.width).copy() for _, x, _ in self._places]

    def outputs(self) -> list[Array]:
        """What each made: copies."""
        return [self._replay.runner.view(y.operand, self._n, y.width).copy() for _, _, y in self._places]

    def output_gradients(self) -> list[Array]:
        """The gradient of what each made: copies."""
        return [self._replay.runner.view(y.grad, self._n, y.width).copy() for _, _, y in self._places]


def take_statistics(model: Module, x: Array) -> None:
    """Batch norm that has seen no batch yet takes its statistics from these rows: those it begins with say nothing."""
    norms = [module for _, module in model.named_modules() if isinstance(module, BatchNorm1d)]
    if any(norm.extra_state()["num_batches_tracked"] == 0 for norm in norms):
        with suppress(ValueError):  # what is not finite shows in the statistics of units
            exact_batchnorm_statistics(model, x)


def activations(model: Module, x: Any) -> dict[str, Array]:
    """What each layer makes of some rows, in evaluation mode.

    Parameters
    ----------
    model : Module
    x : array-like, (n, features)
        A sample: everything is held in memory at once.

    Returns
    -------
    dict of str to ndarray, (n, units)
        By the names of the layers ("0", "2.1", as in ``state_dict``), first to last; containers are not among them,
        but what is inside them. A model that is one layer has the name "".

    Raises
    ------
    ValueError
        If the shape is wrong, or ``x`` has NaN or infinite values.
    TypeError
        If ``x`` holds no numbers, or ``model`` is none.
    """
    where = "activations"
    features = features_of(require_model(model, where), x, where)
    check_finite(features, "x", where, getattr(x, "columns", None))
    with unchanged(model):
        watch = Watch(model, features.shape[1], training=False)
        watch.forward(features, where)
        return {layer.name: made for layer, made in zip(watch.layers, watch.outputs(), strict=True)}


def gradients(model: Module, x: Any, y: Any, loss: Loss, sample_weight: Any = None, training: bool = True) -> Gradients:
    """The loss's gradient by what each layer makes, by parameters and by the input; nothing is changed.

    Parameters
    ----------
    model : Module
    x : array-like, (n, features)
    y : array-like
        Targets, as the loss takes them.
    loss : Loss
    sample_weight : array-like, (n,), optional
        What each row counts in the loss.
    training : bool, default True
        As in a training step: with dropout, and the statistics of these rows in batch normalization. False: as in
        evaluation.

    Returns
    -------
    Gradients

    Raises
    ------
    ValueError
        If shapes are wrong, ``x`` or ``y`` has NaN or infinite values, or there are too few rows.
    RuntimeError
        If a layer has no gradient.
    """
    where = "gradients"
    require_model(model, where)
    require_loss(loss, where)
    samples = samples_of(model, loss, x, y, sample_weight, where)
    check_samples(samples, where, getattr(x, "columns", None))
    mode = None if training and model.training else training
    model.check_rows(len(samples), mode, where)
    model.check_modes(mode, where)
    return gradients_of(model, samples, loss, mode, where)


def gradients_of(model: Module, samples: Samples, loss: Loss, training: bool | None, where: str) -> Gradients:
    """:func:`gradients` of checked arrays."""
    loss = copy.deepcopy(loss)
    if loss.reduction == "none":
        loss.reduction = "sum"
    with unchanged(model):
        watch = Watch(model, samples.x.shape[1], training)
        value = loss.measure(watch.forward(samples.x, where), samples.target, samples.weight).value
        model.zero_grad()
        dx = watch.backward(loss.backward())
        by_parameter = {name: parameter.grad.copy() for name, parameter in model.named_parameters()}
        layers = {layer.name: made for layer, made in zip(watch.layers, watch.output_gradients(), strict=True)}
        return Gradients(value, layers, by_parameter, dx)
