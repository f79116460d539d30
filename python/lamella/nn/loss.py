"""Losses: value, gradient and score in one native pass."""

from typing import Any

import numpy as np

from lamella import _core
from lamella._arrays import Array, as_features, contiguous, to_array
from lamella.nn.builder import NOTHING, Op, Value
from lamella.nn.parameter import Settings


class Loss:
    """Base of the losses. ``loss(outputs, targets)`` gives the value, then ``loss.backward()`` its gradient.

    Subclasses name a kernel and say how targets are read; both ways of use (by hand, and inside a Trainer's program)
    follow from that.

    Parameters
    ----------
    reduction : "mean" or "sum", default "mean"
        As in PyTorch: cross-entropy averages over rows, the others over all cells.

    Attributes
    ----------
    score : float
        Of the last call: see ``score_name``.
    """

    kernel: str
    #: What the kernel asks of its targets.
    target_kind = _core.Targets.values
    #: What the score is: "accuracy" (share of rows or cells predicted right) or "mse".
    score_name: str

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum"):
            raise ValueError(f'[{type(self).__name__}] reduction is {reduction!r} but must be "mean" or "sum"')
        self.reduction = reduction
        self.score = float("nan")
        self._runners: dict[tuple[str, int], _LossRunner] = {}
        self._last: tuple[_LossRunner, int] | None = None

    # What subclasses say.

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """``y`` as the kernel takes it for (n, width) outputs, or an error."""
        raise NotImplementedError

    def probabilities(self, outputs: Array) -> Array:
        """What the outputs say as probabilities; the outputs themselves where they are no logits."""
        return outputs

    def decide(self, outputs: Array) -> Array:
        """What the outputs predict: classes, yes or no, or the values themselves."""
        return outputs

    # The same for all.

    def make_settings(self) -> Settings:
        """LossHyper and LossResult: fields that a program's loss op reads and writes."""
        return Settings(mean=1.0 if self.reduction == "mean" else 0.0, value=0.0, score=0.0)

    def op(self, program: _core.Program, outputs: Value, settings: Settings, gradient: bool = True) -> Op:
        """The loss on ``outputs``; targets are given by each call."""
        result = _core.Operand(_core.Arena.scalars, settings.index("value"), 2)
        operands = [
            outputs.grad if gradient else NOTHING,
            result,
            program.rows(2),
            outputs.operand,
            _core.Operand(_core.Arena.target),
        ]
        return Op(self.kernel, operands, [outputs.width], settings.offset)

    def __call__(self, outputs: Any, y: Any) -> float:
        """The loss.

        Parameters
        ----------
        outputs : array-like, (n, width)
            What the model gave.
        y : array-like
            Targets, see the class.

        Returns
        -------
        float
        """
        where = type(self).__name__
        given = as_features(outputs, np.dtype(np.float32), None, "outputs", where)
        double = given.dtype.kind == "f" and given.dtype.itemsize == 8 and not isinstance(outputs, (list, tuple))
        dtype = np.dtype(np.float64 if double else np.float32)
        array = contiguous(given, dtype)
        n, width = array.shape
        target = self.targets(y, n, width, dtype, where)
        runner = self._runners.get((dtype.name, width))
        if runner is None:
            runner = self._runners[dtype.name, width] = _LossRunner(self, dtype.name, width)
        self._last = None
        value, self.score = runner.run(array, target)
        self._last = (runner, n)
        return value

    def backward(self) -> Array:
        """Gradient of the last loss by the outputs: a fresh (n, width) array.

        Raises
        ------
        RuntimeError
            If the loss was not called before.
        """
        if self._last is None:
            raise RuntimeError(f"[{type(self).__name__}] backward() without a loss before it: call it on outputs first")
        runner, n = self._last
        return runner.gradient(n)

    def evaluate(self, outputs: Array, target: Array) -> tuple[float, float]:
        """Loss and score of outputs and targets that are checked already."""
        runner = _LossRunner(self, outputs.dtype.name, outputs.shape[1], gradient=False)
        return runner.run(outputs, target)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runners": {}, "_last": None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(reduction={self.reduction!r})"


class _LossRunner:
    """A program of one loss op."""

    def __init__(self, loss: Loss, dtype: str, width: int, gradient: bool = True) -> None:
        native = getattr(_core.DType, dtype)
        self._settings = loss.make_settings()
        memory = _core.Memory(native, 0, 0, len(self._settings))
        self._settings.place(memory, 0)
        program = _core.Program(native)
        outputs = Value(_core.Operand(_core.Arena.input), width, program.rows(width))
        self._outputs = outputs
        if gradient:
            program.keep(outputs.grad)
        program.open_range("loss")
        op = loss.op(program, outputs, self._settings, gradient)
        program.append(op.kernel, list(op.operands), list(op.sizes), op.hyper)
        program.finalize()
        self._runner = _core.Runner(program, memory)

    def run(self, outputs: Array, target: Array) -> tuple[float, float]:
        return self._runner.step(0, 0, outputs, target, self._settings.index("value"))

    def gradient(self, n: int) -> Array:
        gradient: Array = self._runner.view(self._outputs.grad, n, self._outputs.width).copy()
        return gradient


class CrossEntropyLoss(Loss):
    """log(sum_j e^z_j) - z_y of logits z and integer classes y.

    Targets: (n,) integers in [0, width), or (n, 1).
    """

    kernel = "cross_entropy"
    target_kind = _core.Targets.labels
    score_name = "accuracy"

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """(n,) class labels as int32."""
        labels = to_array(y, "y", where)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.shape != (n,):
            raise ValueError(f"[{where}] y has shape {labels.shape} but {(n,)} class labels are expected")
        fractions = labels.dtype.kind == "f"
        if fractions and not (np.isfinite(labels) & (labels == np.floor(labels))).all():
            raise TypeError(f"[{where}] y has dtype {labels.dtype} but class labels are integers")
        if (fractions or labels.dtype == np.uint64) and int(labels.max()) >= 2**63:
            raise ValueError(f"[{where}] y has labels beyond 2**63; they must be in [0, {width})")
        encoded: Array = _core.encode_labels(np.ascontiguousarray(labels, np.int64), width, f"[{where}]")
        return encoded

    def probabilities(self, outputs: Array) -> Array:
        """Softmax of each row."""
        e = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        result: Array = e / e.sum(axis=1, keepdims=True)
        return result

    def decide(self, outputs: Array) -> Array:
        """(n,) the class with the largest logit."""
        result: Array = outputs.argmax(axis=1)
        return result


class _CellLoss(Loss):
    """A loss of each cell by itself: targets have the shape of the outputs."""

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """(n, width) targets, or (n,) for one output."""
        array = to_array(y, "y", where)
        if width == 1 and array.shape == (n,):
            array = array[:, None]
        if array.shape != (n, width):
            raise ValueError(
                f"[{where}] y has shape {array.shape} but the outputs are {(n, width)}; shapes are not broadcast"
            )
        return contiguous(array, dtype)


class BCEWithLogitsLoss(_CellLoss):
    """max(z, 0) - z y + log(1 + e^-|z|) of logits z and targets y, for yes-or-no and multi-label problems.

    Targets: (n, width) in [0, 1], or (n,) for one output.
    """

    kernel = "binary_cross_entropy"
    target_kind = _core.Targets.shares
    score_name = "accuracy"

    def targets(self, y: Any, n: int, width: int, dtype: np.dtype[Any], where: str) -> Array:
        """As for any cell loss, and in [0, 1]."""
        array = super().targets(y, n, width, dtype, where)
        if n and not (array.min() >= 0 and array.max() <= 1):
            raise ValueError(f"[{where}] y reaches from {array.min()} to {array.max()} but must be in [0, 1]")
        return array

    def probabilities(self, outputs: Array) -> Array:
        """1 / (1 + e^-z)."""
        result: Array = 0.5 * (1 + np.tanh(0.5 * outputs))
        return result

    def decide(self, outputs: Array) -> Array:
        """(n, width) whether the logit is positive."""
        result: Array = outputs > 0
        return result


class MSELoss(_CellLoss):
    """(z - y)^2, averaged over all cells.

    Targets: (n, width), or (n,) for one output.
    """

    kernel = "squared_error"
    score_name = "mse"
