"""The model as a table of layers."""

from lamella.nn.module import Module
from lamella.nn.summary import Row, rows_of, size_of
from lamella.reporting.blocks import Head, Section, table
from lamella.reporting.markup import Markup
from lamella.reporting.subject import Subject

#: Layers that are listed; of more, the first and the last half.
_MOST = 120


def network(subject: Subject) -> Section:
    """The section."""
    return Section("network", "Network", layer_table(subject.model))


def layer_table(model: Module) -> Markup:
    """Layers, widths, parameters."""
    rows: list[Row] = rows_of(model)
    if len(rows) > _MOST:
        left_out = ("", f"… {len(rows) - _MOST} layers …", "", "")
        rows = [*rows[: _MOST // 2], left_out, *rows[-_MOST // 2 :]]
    heads = [Head("layer", False), Head("", False), Head("output"), Head("parameters")]
    return table(heads, rows, f"{model.num_parameters:,} parameters, {size_of(model)}, {model.dtype or 'float32'}")
