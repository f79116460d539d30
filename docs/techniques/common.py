"""What the experiments of this folder share: data, seeds, tables, pictures, and how a page gets its figures."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

matplotlib.use("Agg")
matplotlib.rcParams.update({"svg.hashsalt": "lamella", "svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3})

HERE = Path(__file__).parent
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def digits(seed: int, train: int) -> Data:
    """Scikit-learn's digits, 64 features from 0 to 1: (x, y, x_test, y_test) with that many rows to train on."""
    features, labels = load_digits(return_X_y=True)
    features = (features / 16).astype(np.float32)
    x, x_test, y, y_test = train_test_split(features, labels, train_size=train, stratify=labels, random_state=seed)
    return x, y, x_test, y_test


def spread(values: Sequence[float], form: str = ".3f") -> str:
    """Mean and standard deviation over seeds, as a table shows them."""
    return f"{np.mean(values):{form}} ± {np.std(values):{form}}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def publish(name: str, tables: str, figure: Any) -> None:
    """Put the tables into the page, between its two marks, and the picture beside it."""
    page = HERE / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    marks = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", flags=re.S)
    page.write_text(marks.sub(lambda found: f"{found[1]}\n{tables}\n\n{found[2]}", text), encoding="utf-8")
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")


def main(name: str, description: str | None, experiment: Callable[[bool], tuple[str, Any]]) -> None:
    """Run an experiment from the command line: over five seeds into its page, or at small size to the terminal."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--small", action="store_true", help="a small run that changes no page")
    small = parser.parse_args().small
    tables, figure = experiment(small)
    print(tables)
    if not small:
        publish(name, tables, figure)
