"""A model as a table."""

import numpy as np

from lamella.nn.module import Module
from lamella.nn.sequential import Sequential
from lamella.nn.store import dtype_of

Row = tuple[str, str, str, str]


def summary(model: Module) -> str:
    """Layers, shapes of their outputs and parameters, as text.

    Parameters
    ----------
    model : Module

    Returns
    -------
    str
    """
    rows = rows_of(model)
    header = ("layer", "", "output", "parameters")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(4)]

    def line(row: Row) -> str:
        texts = [text.ljust(widths[i]) for i, text in enumerate(row[:3])]
        return "  ".join([*texts, row[3].rjust(widths[3])])

    rule = "-" * len(line(header))
    total = f"{model.num_parameters:,} parameters, {size_of(model)}"
    return "\n".join([line(header), rule, *map(line, rows), rule, total])


def rows_of(model: Module) -> list[Row]:
    """Name, kind, shape of the output and parameters of each layer."""
    return _rows("", model, model.input_width())


def size_of(model: Module) -> str:
    """What the parameters take."""
    size = model.num_parameters * np.dtype(dtype_of(model)).itemsize
    return f"{size / 2**20:.2f} MiB"


def _rows(name: str, module: Module, width: int | None) -> list[Row]:
    """A line a layer, and one for each container that is more than its layers in turn."""
    expected = module.input_width()
    width = width if expected is None else expected
    outputs = module.output_width(width)
    shape = f"(n, {outputs})" if outputs is not None else "(n, ?)"
    children = module.children()
    rows: list[Row] = []
    if not children or type(module) is not Sequential:
        count = 0 if children else module.num_parameters
        kind = type(module).__name__ + ("" if children else f"({module.describe()})")
        rows.append((name or "-", kind, shape, f"{count:,}" if count else "-"))
    for key, child in children:
        rows += _rows(f"{name}.{key}" if name else key, child, width)
        if not module.branches:
            width = child.output_width(width if child.input_width() is None else child.input_width())
    return rows
