"""The table of steps as a picture: a group of bars a workload, a bar a peer."""

import io
import textwrap

from lamella.bench.report import counted_threads, machine
from lamella.bench.step import StepTable
from lamella.bench.systems import SYSTEMS

#: Of the peers in the order of SYSTEMS, so that each has the same colour in every picture; told apart by all eyes.
_COLOURS = dict(zip(SYSTEMS, ["0.5", "#0072b2", "#56b4e9", "#e69f00", "#009e73"], strict=True))


def draw(table: StepTable, form: str) -> bytes:
    """Time of each peer's step, lamella's being 1.

    Parameters
    ----------
    table : StepTable
    form : "png" or "svg"
    """
    # Figure and canvas directly: pyplot would choose a backend and keep state for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ours, *peers = table.systems
    height = 0.8 / len(peers)
    ratios = [row.ratios() for row in table.rows]
    figure = Figure(figsize=(10, 2.4 + len(table.rows) * (0.35 + 0.24 * len(peers))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, peer in enumerate(peers):
        values = [found[peer] for found in ratios]
        places = [row + (index - (len(peers) - 1) / 2) * height for row in range(len(values))]
        # Bars begin at 1: to the right where the peer is slower, to the left where it is faster.
        widths = [value - 1 for value in values]
        axes.barh(places, widths, height * 0.9, left=1, color=_COLOURS[peer], label=SYSTEMS[peer].label)
        for place, value in zip(places, values, strict=True):
            right = value >= 1
            axes.annotate(
                f"{value:.2f}" if value < 10 else f"{value:.1f}",
                (value, place),
                (4 if right else -4, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=9,
            )
    axes.axvline(1, color="0.2", linewidth=1.2)
    everything = [value for found in ratios for value in found.values()]
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(0.8, 0.75 * min(everything)), max(2, 1.25 * max(everything)))
    axes.xaxis.set_major_locator(LogLocator(2, subs=(1.0, 1.5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"time of a training step, {ours} = 1 (logarithmic)")
    labels = [f"{row.workload.name}\n{ours} {_duration(row.seconds)}" for row in table.rows]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)  # the first workload on top
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    title = f"How many times as long as {ours} a training step takes, {counted_threads(table.threads)}"
    figure.legend(
        title=title,
        title_fontproperties={"weight": "bold", "size": 13},
        loc="outside upper center",  # the layout makes room for it, as it does not for a title and a legend
        ncols=len(peers),
        frameon=False,
    )
    rounds = f"{table.rounds} round{'s' if table.rounds > 1 else ''}"
    axes.set_title(f"right of 1: slower than {ours}; left of 1: faster; median of {rounds}", fontsize=10)
    figure.supxlabel(textwrap.fill(f"{machine()}. {table.versions}", 130), fontsize=8, color="0.35")
    data = io.BytesIO()
    figure.savefig(data, format=form, dpi=130)
    return data.getvalue()


def _duration(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.{1 if seconds < 0.1 else 0}f} ms"
