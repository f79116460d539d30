"""Time of a step of one model by number of models: a part a network, a line a system."""

from collections.abc import Sequence
from pathlib import Path

from lamella.bench.report import counted_threads, machine
from populations import SYSTEMS
from populations.report import Row

#: Of the systems in their order; told apart by all eyes.
_STYLES = dict(
    zip(
        SYSTEMS,
        [
            {"color": "#d55e00", "linewidth": 2.5, "marker": "o"},
            {"color": "#d55e00", "linestyle": ":"},
            {"color": "0.5", "linestyle": ":"},
            {"color": "#e69f00", "marker": "s"},
            {"color": "#f0c860", "marker": "s", "linestyle": "--"},
            {"color": "#009e73", "marker": "^"},
            {"color": "#0072b2", "marker": "v"},
            {"color": "#56b4e9", "marker": "v", "linestyle": "--"},
        ],
        strict=True,
    )
)


def draw(rows: Sequence[Row], threads: int, path: Path) -> None:
    """Write the picture."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    networks = {row.network.name: [each for each in rows if each.network == row.network] for row in rows}
    figure = Figure(figsize=(5 * len(networks), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
    for axes, (network, own) in zip(parts, networks.items(), strict=True):
        models = [row.models for row in own]
        for name in own[0].measured:
            times = [1e6 * row.measured[name].median() for row in own]
            axes.plot(models, times, label=SYSTEMS[name].label, markersize=4, **_STYLES[name])
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(models)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.set_title(network)
        axes.set_xlabel("models")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    parts[0].set_ylabel("µs a step of one model (logarithmic)")
    handles, labels = parts[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    figure.suptitle(f"Time of a step of one model, {counted_threads(threads)}, {machine()}", fontsize=10)
    with matplotlib.rc_context({"svg.hashsalt": "lamella"}):
        figure.savefig(path, metadata={"Date": None})
