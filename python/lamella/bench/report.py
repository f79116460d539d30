"""Pieces of the reports: the machine, ratios, Markdown."""

import os
import platform
import statistics
from pathlib import Path

from lamella.bench.turns import Measured


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> str:
    """The processor as the kernel names it, and the cores this process may use."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{name}, {cores()} core{'s' if cores() > 1 else ''}"


def median_ratio(theirs: Measured, ours: Measured, key: str = "seconds") -> float:
    """Theirs over ours in the same round: the median."""
    return statistics.median(_ratios(theirs, ours, key))


def ratio(theirs: Measured, ours: Measured, key: str = "seconds") -> str:
    """Theirs over ours: median of the rounds (least-most), best over best.

    What else runs on the machine only ever adds time: where the spread is wide, the best blocks compare better.
    """
    ratios = _ratios(theirs, ours, key)
    best = min(theirs.all(key)) / min(ours.all(key))
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}), {best:.2f}"


def _ratios(theirs: Measured, ours: Measured, key: str) -> list[float]:
    return [a / b for a, b in zip(theirs.all(key), ours.all(key), strict=True)]


def table(header: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mebibytes(count: float | None) -> str:
    """Of bytes; a dash if they are not known."""
    return "-" if count is None else f"{count / 2**20:.1f}"


def counted_threads(threads: int) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{threads} thread{'s' if threads > 1 else ''}"
