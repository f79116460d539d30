"""Layers written in Python."""

from typing import Any

from lamella import _core
from lamella._arrays import Array, to_array
from lamella.nn import _check
from lamella.nn.builder import Builder, Value
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter


class PythonLayer(Module):
    """A layer of the user's: any object with ``forward`` and ``backward`` on NumPy arrays.

    ``nn.Sequential`` wraps such objects by itself. The native program runs in two parts around it.

    Parameters
    ----------
    body : object
        ``body.forward(x)`` takes (n, features) and returns (n, outputs); ``body.backward(dy)`` takes the gradient of
        that and returns the gradient of x. Both get arrays that are valid during the call only, and may return any
        array of the right shape. Optional: ``body.output_width(width)``, where outputs are not as many as features;
        attributes that are :class:`lamella.nn.Parameter` are trained (``backward`` adds to their ``grad``), saved and
        loaded with the model; ``body.training``, if there is one, is set before each forward.
    """

    def __init__(self, body: Any) -> None:
        super().__init__()
        for method in ("forward", "backward"):
            if not callable(getattr(body, method, None)):
                raise TypeError(f"[PythonLayer] {type(body).__name__} has no method {method}(array)")
        self.body = body
        for name, item in vars(body).items() if hasattr(body, "__dict__") else ():
            if isinstance(item, Parameter):
                setattr(self, name, item)

    def output_width(self, width: int | None) -> int | None:
        """What the body says, else as many as features."""
        says = getattr(self.body, "output_width", None)
        if says is None or width is None:
            return width
        return _check.integer(type(self.body).__name__, f"output_width({width})", says(width), 1)

    @property
    def keeps_width(self) -> bool:
        """Nobody knows."""
        return False

    def describe(self) -> str:
        """The user's class."""
        return type(self.body).__name__

    def config(self) -> dict[str, Any]:
        """Only a name: ``load(layers=...)`` makes the body again."""
        return {"body": type(self.body).__name__}

    def emit(self, builder: Builder, x: Value) -> Value:
        """A step in Python."""
        y = builder.value(self.output_width(x.width) or x.width)
        builder.python(self, x, y, builder.trains(self))
        return y

    def _result(self, method: str, result: Any, shape: tuple[int, int]) -> Array:
        where = f"{type(self.body).__name__}.{method}"
        array = to_array(result, "the result", where)
        if array.shape != shape:
            raise ValueError(f"[{where}] returned shape {array.shape} but {shape} is expected")
        return array

    def run_forward(self, x: Value, y: Value, runner: _core.Runner, n: int, training: bool) -> None:
        """body.forward between two native parts."""
        if hasattr(self.body, "training"):
            self.body.training = training
        result = self.body.forward(runner.view(x.operand, n, x.width))
        runner.view(y.operand, n, y.width)[...] = self._result("forward", result, (n, y.width))

    def run_backward(self, x: Value, y: Value, runner: _core.Runner, n: int) -> None:
        """body.backward between two native parts."""
        result = self.body.backward(runner.view(y.grad, n, y.width))
        runner.view(x.grad, n, x.width)[...] = self._result("backward", result, (n, x.width))
