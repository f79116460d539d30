"""A model as a table."""

from lamella.nn.module import Module


def summary(model: Module) -> str:
    """Layers, shapes of their outputs and parameters, as text.

    Parameters
    ----------
    model : Module

    Returns
    -------
    str
    """
    rows: list[tuple[str, str, str, str]] = []
    width = model.input_width()
    for name, module in model.named_modules():
        if module.children():
            continue
        expected = module.input_width()
        width = module.output_width(width if expected is None else expected)
        count = module.num_parameters
        shape = f"(n, {width})" if width is not None else "(n, ?)"
        rows.append(
            (name or "-", f"{type(module).__name__}({module.describe()})", shape, f"{count:,}" if count else "-")
        )
    header = ("layer", "", "output", "parameters")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(4)]

    def line(row: tuple[str, str, str, str]) -> str:
        texts = [text.ljust(widths[i]) for i, text in enumerate(row[:3])]
        return "  ".join([*texts, row[3].rjust(widths[3])])

    rule = "-" * len(line(header))
    size = model.num_parameters * (8 if (model.dtype or "float32") == "float64" else 4)
    total = f"{model.num_parameters:,} parameters, {size / 2**20:.2f} MiB"
    return "\n".join([line(header), rule, *map(line, rows), rule, total])
