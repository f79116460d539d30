"""A table of figures: ruled in a terminal, plain columns elsewhere."""


def print_figures(header: list[str], rows: list[list[str]]) -> None:
    """Print it; the first column holds names, the others numbers."""
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
    except ImportError:  # columns say the same
        _print_plain(header, rows)
        return
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        _print_plain(header, rows)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for index, column in enumerate(zip(header, *rows, strict=True)):
        # In a narrow terminal names at the top may break, figures not.
        table.add_column(column[0], justify="right" if index else "left", min_width=max(map(len, column[1:])))
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _print_plain(header: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for line in (header, *rows):
        cells = [
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
