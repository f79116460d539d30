"""Ways to run the command-line tool, and tables to run it on."""

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ("--epochs", "2", "--no-picture")


def start(*arguments, cwd):
    """``lamella`` in a process of its own, as a user starts it."""
    environment = {**os.environ, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "lamella.cli", *map(str, arguments)],
        cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


def write(name, text):
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def to_csv(header, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def colours(n=240, seed=0):
    """A table whose class follows from a number and a category; names and cells that need care."""
    rng = np.random.default_rng(seed)
    size, noise = rng.normal(5, 3, n), rng.normal(1e6, 1, n)
    colour = rng.choice(["rot, hell", 'blau "tief"', "grün"], n)
    answer = np.where((size > 5) ^ (colour == "grün"), "ja", "nein")
    rows = [[f"{a:.6f}", b, f"{c:.3f}", d] for a, b, c, d in zip(size, colour, noise, answer, strict=True)]
    return to_csv(["Größe in cm", "Farbe", "noise", "gut?"], rows)


def line(n=200, seed=1):
    """A table whose target is a sum, far from zero and from one."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, (2, n))
    rows = [[f"{x:.5f}", f"{y:.5f}", f"{5000 + 300 * x - 100 * y:.4f}"] for x, y in zip(a, b, strict=True)]
    return to_csv(["a", "b", "price"], rows)


def numbers_in(pattern, text):
    found = re.search(pattern, text)
    assert found, f"{pattern!r} is not in:\n{text}"
    return [float(group.replace(",", "")) for group in found.groups()]
