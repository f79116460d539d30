"""What was found beside scikit-learn, as text."""

import math
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from beside_sklearn import DATA, SETTINGS, SMALL_ROWS, Data
from lamella.bench.report import counted_threads, machine, median_ratio, ratio, table
from lamella.bench.turns import Measured

#: How many times as long scikit-learn is to take on a small table at equal settings.
WANTED = 10.0


@dataclass(frozen=True)
class Row:
    """One table, setting and solver: a block of each library for each seed."""

    data: Data
    setting: str
    solver: str
    ours: Measured
    theirs: Measured

    @property
    def rows(self) -> int:
        """Of the training part."""
        return int(self.ours.all("rows")[0])

    def difference(self) -> tuple[float, float]:
        """Our score less theirs, seed by seed: mean, and its standard error."""
        found = [a - b for a, b in zip(self.ours.all("score"), self.theirs.all("score"), strict=True)]
        error = statistics.stdev(found) / math.sqrt(len(found)) if len(found) > 1 else math.inf
        return statistics.fmean(found), error

    def verdict(self) -> str:
        """Two standard errors, and what rounding leaves, are no difference."""
        mean, error = self.difference()
        if abs(mean) <= 2 * error + 1e-9:
            return "same"
        return "better" if mean > 0 else "worse"

    def score_cells(self) -> list[str]:
        """Means and deviations of the scores."""
        mean, error = self.difference()
        return [
            self.data.name,
            self.solver,
            *(
                f"{statistics.fmean(s):.4f} ± {np.std(s):.4f}"
                for s in (self.theirs.all("score"), self.ours.all("score"))
            ),
            f"{mean:+.4f} ± {error:.4f}",
            self.verdict(),
        ]

    def time_cells(self) -> list[str]:
        """Seconds of a fit, and epochs."""
        return [
            self.data.name,
            f"{self.rows:,}",
            self.solver,
            *(f"{found.median():.3g}" for found in (self.theirs, self.ours)),
            *(f"{found.median('epochs'):.0f}" for found in (self.theirs, self.ours)),
            ratio(self.theirs, self.ours),
        ]

    def wanted_cells(self) -> list[str] | None:
        """What was wanted of small tables, and found."""
        if self.setting != "equal" or self.rows > SMALL_ROWS:
            return None
        found = median_ratio(self.theirs, self.ours)
        return [self.data.name, self.solver, f"{WANTED:g}", f"{found:.2f}", "met" if found >= WANTED else "missed"]


def report(rows: Sequence[Row], threads: int, given: str) -> str:
    """The text."""
    versions = f"{rows[0].ours.about['system']}, {rows[0].theirs.about['system']}"
    seeds = len(rows[0].ours.blocks)
    limited = ", ".join(f"{data.name} at {data.most_epochs}" for data in DATA.values() if data.most_epochs is not None)
    scores = ["", "solver", "scikit-learn", "lamella", "lamella less scikit-learn", ""]
    times = ["", "rows", "solver", "scikit-learn s", "lamella s", "scikit-learn epochs", "lamella epochs", "ratio"]
    sections = []
    for setting, label in SETTINGS.items():
        own = [row for row in rows if row.setting == setting]
        if own:
            sections += [
                f"## Scores {label}\n\n{table(scores, [row.score_cells() for row in own])}\n",
                f"## Time of a fit {label}\n\n{table(times, [row.time_cells() for row in own])}\n",
            ]
    wanted = [cells for row in rows if (cells := row.wanted_cells()) is not None]
    return f"""# MLPClassifier and MLPRegressor beside scikit-learn's, {counted_threads(threads)}

Machine: {machine()}.
Systems: {versions}; NumPy {np.__version__}; Python {platform.python_version()}.
Command: `{given}`.

Each of {seeds} seeds divides the rows anew, three quarters to learn from and a quarter to be scored on: accuracy, or of
diabetes R². Features, and diabetes's target, are standardised. At the defaults of each, nothing is set but `solver` and
`random_state`, and of large tables `max_iter` for both ({limited} instead of 200); data is float64 as it comes. At
equal settings, data is float32, and `hidden_layer_sizes=(100,)`, ReLU, `alpha=1e-4`, batches of 200 (or of all rows, if
there are fewer), a rate of 0.001 and so many epochs, without stopping.

Scores: mean ± standard deviation over seeds; of the difference, seed by seed, mean ± standard error: "same" is within
two of them. Time: medians over seeds, blocks in turns, each library in a process of its own; ratio = scikit-learn's
time / lamella's at the same seed: median (least-most), then best over best; more than 1: lamella is faster.

{chr(10).join(sections)}
## What was wanted, and found

How many times as long scikit-learn takes on small tables at equal settings, by the medians above.

{table(["", "solver", "wanted", "found", ""], wanted)}
"""
