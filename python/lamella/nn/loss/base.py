"""The base of the losses: value, gradient and score in one native pass."""

import warnings
import weakref
from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, as_features, as_weights, contiguous, to_array
from lamella.nn.builder import NOTHING, Op, Value
from lamella.nn.loss.argument import Argument, one_of
from lamella.nn.loss.runner import LossRunner, Measured
from lamella.nn.module import Module
from lamella.nn.parameter import Settings

#: How a kernel is told what to do with the losses of rows and cells.
_MEANS = {"none": 0.0, "sum": 0.0, "mean": 1.0, "batchmean": 2.0}

#: Elements that a kernel may read after the last of ``columns``, as kColumnRoom in kernels/loss.h.
_ROOM = 16

_TARGET, _WEIGHT = _core.Operand(_core.Arena.target), _core.Operand(_core.Arena.weight)


class Loss:
    """Base of the losses. ``loss(outputs, targets)`` gives the value, then ``loss.backward()`` its gradient.

    Subclasses name a kernel and say how targets are read; all ways of use (by hand, and inside a Trainer's program)
    follow from that. Settings, ``reduction`` among them, may be changed at any time; what changes the program itself
    (weights where there were none, other quantiles) holds from the next call on.

    Parameters
    ----------
    reduction : "mean", "sum" or "none", default "mean"
        As in PyTorch: losses of classes average over rows, the others over all cells; "none" gives the losses as they
        are, which a Trainer does not take.

    Attributes
    ----------
    score : float
        Of the last call: see ``score_name``. Averaged by sample weights; rows to be ignored are left out.

    Notes
    -----
    With sample weights w a mean is sum(w l) / sum(w), where the cells of a row share its weight. A row of weight 0 is
    as if it were not there. If nothing counts (all weights 0, or all labels ignored) the loss is 0 and so is its
    gradient, where PyTorch gives NaN.
    """

    kernel: str
    #: What the kernel asks of its targets.
    target_kind = _core.Targets.values
    #: What the score is, such as "accuracy" (share of rows or cells predicted right) or "mse".
    score_name: str
    #: Settings that follow ``mean`` in the kernel's struct, under their names here.
    hyper: tuple[str, ...] = ()
    #: Whether the outputs are logits, which no softmax belongs before.
    takes_logits = False

    reduction = Argument(one_of("none", "mean", "sum"))

    def __init__(self, reduction: str = "mean") -> None:
        # What programs read, and the width and form that each was made for.
        self._blocks: weakref.WeakKeyDictionary[Settings, tuple[int, Any]] = weakref.WeakKeyDictionary()
        self._runners: dict[Any, LossRunner] = {}
        self._last: tuple[LossRunner, int] | None = None
        self._warned = False
        self.reduction = reduction
        self.score = float("nan")

    # What subclasses say.

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """``y`` as the kernel takes it for (n, width) outputs, or an error."""
        raise NotImplementedError

    def kind_of(self, target: Array) -> _core.Targets:
        """What kind of targets those are that :meth:`targets` gave."""
        return self.target_kind

    def kernel_of(self, kind: _core.Targets) -> str:
        """The kernel for such targets."""
        return self.kernel

    def target_width(self, width: int) -> int:
        """Columns of the targets (or classes) for ``width`` outputs."""
        return width

    def losses_width(self, width: int) -> int | None:
        """Losses of a row; None: one, without a dimension of its own."""
        return width

    def fields(self) -> dict[str, float]:
        """Numbers that the kernel's struct holds after ``mean``, in its order."""
        return {name: float(getattr(self, name)) for name in self.hyper}

    def columns(self, width: int) -> Array | None:
        """Numbers for single columns of ``width`` outputs, if the kernel gets any; ValueError if they do not fit."""
        return None

    def form(self) -> tuple[Any, ...]:
        """All of the settings that a program is made for: with others, another one is needed."""
        return (self.reduction == "none",)

    @property
    def ignored(self) -> int | None:
        """The label of rows that do not count, if there is one."""
        return None

    def mixable(self, target: Array, width: int, dtype: np.dtype[Any]) -> Array | None:
        """These targets as numbers of which a weighted mean is a target, too; None if there is no such form."""
        return target if target.dtype.kind == "f" else None

    def probabilities(self, outputs: Array) -> Array:
        """What the outputs say as probabilities; the outputs themselves where they are no logits.

        Parameters
        ----------
        outputs : ndarray, (n, width)
            What the model gave.
        """
        return outputs

    def outputs_of(self, probabilities: Array) -> Array:
        """Outputs that say these probabilities: :meth:`probabilities` backwards, up to what makes no difference."""
        return probabilities

    def decide(self, outputs: Array) -> Array:
        """What the outputs predict: classes, yes or no, or the values themselves.

        Parameters
        ----------
        outputs : ndarray, (n, width)
            What the model gave.
        """
        return outputs

    # Settings.

    def make_settings(self, width: int) -> Settings:
        """What a program's loss op on ``width`` outputs reads and writes; it follows the loss's settings."""
        settings = Settings(**self._written(width), value=0.0, score=0.0, weight=0.0, scored=0.0)
        self._blocks[settings] = width, self.form()
        return settings

    def _written(self, width: int) -> dict[str, float | Array]:
        columns = self.columns(width)
        written: dict[str, float | Array] = {"mean": _MEANS[self.reduction], **self.fields()}
        return written if columns is None else {**written, "columns": columns}

    def changed(self) -> None:
        """Called when a setting was set: writes it where kernels read it."""
        if self._blocks:  # that is, not while it is made
            for settings, (width, form) in list(self._blocks.items()):
                if form != self.form():
                    continue  # another program is needed
                for name, value in self._written(width).items():
                    settings[name] = value
        Module.mode_changes += 1  # whoever has a program is to look whether it is still the right one

    # The same for all.

    def op(
        self,
        program: _core.Program,
        outputs: Value,
        settings: Settings,
        kind: _core.Targets,
        gradient: bool = True,
        losses: _core.Operand = NOTHING,
    ) -> Op:
        """The loss on ``outputs``; targets and weights are given by each call."""
        scalars = _core.Arena.scalars
        columns = NOTHING
        if "columns" in settings.fields:
            columns = _core.Operand(scalars, settings.index("columns"), len(settings["columns"]))
        operands = [
            outputs.grad if gradient else NOTHING,
            _core.Operand(scalars, settings.index("value"), 4),
            losses,
            program.rows(2),
            outputs.operand,
            _TARGET,
            _WEIGHT,
            columns,
        ]
        return Op(self.kernel_of(kind), operands, [self.target_width(outputs.width)], settings.offset)

    def __call__(self, outputs: Any, y: Any, sample_weight: Any = None) -> Any:
        """The loss.

        Parameters
        ----------
        outputs : array-like, (n, width)
            What the model gave.
        y : array-like
            Targets, see the class.
        sample_weight : array-like, (n,), optional
            What each row counts: finite, at least 0. By default all count once.

        Returns
        -------
        float, or ndarray
            With ``reduction="none"`` an array: (n,) losses of classes, or (n, width) losses of cells, each times its
            row's weight.

        Raises
        ------
        ValueError
            If shapes differ, or targets or weights are out of range.
        TypeError
            If an argument holds no numbers.
        """
        where = type(self).__name__
        given = as_features(outputs, np.dtype(np.float32), None, "outputs", where)
        double = given.dtype.kind == "f" and given.dtype.itemsize == 8 and not isinstance(outputs, (list, tuple))
        dtype = np.dtype(np.float64 if double else np.float32)
        array = contiguous(given, dtype)
        n, width = array.shape
        target = self.targets(y, n, width, dtype, where)
        weight = None if sample_weight is None else as_weights(sample_weight, n, dtype, where)
        measured = self.measure(array, target, weight)
        if self.reduction != "none":
            return measured.value
        assert self._last is not None
        return self._last[0].losses(n)

    def measure(self, outputs: Array, target: Array, weight: Array | None) -> Measured:
        """The loss of what is checked already; :meth:`backward` then gives its gradient."""
        width, kind = outputs.shape[1], self.kind_of(target)
        key = (outputs.dtype, width, kind, self.form())
        runner = self._runners.get(key)
        if runner is None:
            if looks_like_probabilities(outputs):
                self.warn_of_probabilities()
            runner = self._runners[key] = LossRunner(self, outputs.dtype.name, width, kind)
        self._last = None
        measured = runner.run(outputs, target, weight)
        self.score = measured.score
        self._last = (runner, len(outputs))
        return measured

    def evaluate(self, outputs: Array, target: Array, weight: Array | None = None) -> tuple[float, float]:
        """Loss and score of what is checked already; nothing is kept for a gradient."""
        measured = self.found(outputs, target, weight)
        return measured.value, measured.score

    def found(self, outputs: Array, target: Array, weight: Array | None = None) -> Measured:
        """The same, with what the two are averages of."""
        kind = self.kind_of(target)
        runner = LossRunner(self, outputs.dtype.name, outputs.shape[1], kind, gradient=False)
        return runner.run(outputs, target, weight)

    def backward(self, upstream: Any = None) -> Array:
        """Gradient of the last loss by the outputs: a fresh (n, width) array.

        Parameters
        ----------
        upstream : array-like, optional
            Of the shape of what the call returned: the gradient of sum(upstream * losses). By default ones.

        Raises
        ------
        RuntimeError
            If the loss was not called before.
        ValueError
            If ``upstream`` has another shape.
        """
        where = type(self).__name__
        if self._last is None:
            raise RuntimeError(f"[{where}] backward() without a loss before it: call it on outputs first")
        runner, n = self._last
        gradient = runner.gradient(n)
        if upstream is None:
            return gradient
        factor, shape = to_array(upstream, "upstream", where), runner.shape(n)
        if factor.shape != shape:
            raise ValueError(f"[{where}] upstream has shape {factor.shape} but the loss had {shape}")
        factor = contiguous(factor, gradient.dtype)
        if len(shape) == 2:  # a cell may have two outputs, and those of all cells lie one after the other
            factor = np.tile(factor, (1, gradient.shape[1] // shape[1]))
        elif len(shape) == 1:
            factor = factor[:, None]
        scaled: Array = gradient * factor
        return scaled

    def warn_of_probabilities(self) -> None:
        """Say, once, that a softmax before this loss is one too many."""
        if self.takes_logits and not self._warned:
            self._warned = True
            warnings.warn(
                f"[{type(self).__name__}] the outputs look like probabilities (a softmax's), but this loss takes "
                "logits and applies its own: leave the softmax out",
                stacklevel=4,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runners": {}, "_last": None, "_blocks": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _blocks=weakref.WeakKeyDictionary())

    def config(self) -> dict[str, Any]:
        """Arguments that make the same loss again, arrays as lists; what a saved file holds of it."""
        names = [name for name in self.__dict__ if isinstance(getattr(type(self), name, None), Argument)]
        values = {name: self.__dict__[name] for name in sorted(names, key=lambda name: name == "reduction")}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}

    def describe(self) -> str:
        """Arguments as ``repr`` shows them."""
        return ", ".join(f"{name}={value!r}" for name, value in self.config().items() if value is not None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"


def looks_like_probabilities(outputs: Array) -> bool:
    """Whether all rows are what a softmax gives: not negative, and one together."""
    if outputs.shape[1] < 2 or not (outputs >= 0).all():
        return False
    return bool((abs(outputs.sum(axis=1, dtype=np.float64) - 1) < 1e-4).all())


def padded(*rows: Array) -> Array:
    """Numbers for single columns as kernels read them: each row in whole blocks."""
    room = -(-len(rows[0]) // _ROOM) * _ROOM
    table = np.zeros((len(rows), room))
    for row, numbers in zip(table, rows, strict=True):
        row[: len(numbers)] = numbers
    return table.reshape(-1)
