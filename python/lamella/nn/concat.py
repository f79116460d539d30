"""Branches side by side."""

from lamella.nn.builder import Builder, Value
from lamella.nn.container import Container
from lamella.nn.module import Module


class Concat(Container):
    """The outputs of all branches for the same input, side by side: y = [f0(x), f1(x), ...].

    ``torch.cat([branch(x) for branch in branches], dim=1)``; the keys of ``state_dict`` are those of a
    ``torch.nn.ModuleList`` of the branches. An empty ``Sequential()`` is a branch that passes x on.

    Shape: (n, features) -> (n, sum of the branches' outputs).

    Parameters
    ----------
    *layers : Module or object with forward and backward
        The branches, at least one.
    seed, dtype
        As for :class:`lamella.nn.Sequential`.

    Raises
    ------
    ValueError
        If branches expect different numbers of features.
    TypeError
        If an argument is no layer.
    """

    branches = True  # none follows another

    def _check_widths(self) -> None:
        if not self.layers:
            raise ValueError(f"[{self._where()}] there are no branches; at least one is needed")
        expected = [(index, layer.input_width()) for index, layer in enumerate(self.layers)]
        known = [(index, width) for index, width in expected if width is not None]
        for index, width in known:
            first, other = known[0]
            if width != other:
                raise ValueError(
                    f"[{self._where()}] layer {index} expects {width} features but layer {first} expects {other}: all "
                    "branches get the same input"
                )

    def input_width(self) -> int | None:
        """Features that the first branch to say so expects."""
        widths = [layer.input_width() for layer in self.layers]
        return next((width for width in widths if width is not None), None)

    def output_width(self, width: int | None) -> int | None:
        """The sum of the branches'; None if one is unknown."""
        width = self.input_width() if width is None else width
        widths = [layer.output_width(width) for layer in self.layers]
        known = [width for width in widths if width is not None]
        return sum(known) if len(known) == len(widths) else None

    @property
    def keeps_width(self) -> bool:
        """Only a single branch may."""
        return len(self.layers) == 1 and self.layers[0].keeps_width

    def __getitem__(self, index: int) -> Module:
        """A branch."""
        return self.layers[index]

    def emit(self, builder: Builder, x: Value) -> Value:
        """Each branch on x with a gradient of its own; copies into y and out of its gradient; sums of gradients."""
        last = builder.begin_layer()
        inputs = [Value(x.operand, x.width, builder.rows(x.width) if x.wants_grad else x.grad) for _ in self.layers]
        outputs = [self._emit_layer(builder, index, inner) for index, inner in enumerate(inputs)]
        y = builder.value(sum(output.width for output in outputs))
        builder.begin_layer()
        at = 0
        for output in outputs:
            width = output.width
            builder.forward("copy_columns", [y.operand, output.operand], [width, y.width, at, width, 0])
            if output.wants_grad:
                builder.backward("copy_columns", [output.grad, y.grad], [width, width, 0, y.width, at])
            at += width
        if x.wants_grad:
            total = inputs[0].grad
            for inner in inputs[1:]:
                builder.backward("add", [x.grad, total, inner.grad], [x.width], block=last)
                total = x.grad
            if len(inputs) == 1:
                builder.backward("copy_columns", [x.grad, total], [x.width, x.width, 0, x.width, 0], block=last)
        return y
