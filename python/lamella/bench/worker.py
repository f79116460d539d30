"""The side of :mod:`lamella.bench.turns` that runs in a process of its own: answers with blocks of repeats."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

#: What a block of repeats found, by name; "seconds" of one repeat, for the most part.
Block = dict[str, float]


def answer(about: dict[str, Any], block: Callable[[], Block]) -> None:
    """Say what the worker is, then run a block whenever a line comes in."""
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(json.dumps(block()), flush=True)


def block_of(once: Callable[[], object], seconds: float = 0.2, repeats_each: int = 1) -> Callable[[], Block]:
    """A block that calls ``once()`` for about so long and tells the median; it is warm when this returns.

    Parameters
    ----------
    once : callable
    seconds : float
    repeats_each : int
        What is timed is done so often in each call.
    """
    begin = time.perf_counter()
    for _ in range(3):
        once()
    repeats = max(2, int(seconds / ((time.perf_counter() - begin) / 3)))
    for _ in range(min(repeats, 200)):
        once()

    def block() -> Block:
        times = []
        for _ in range(repeats):
            begin = time.perf_counter()
            once()
            times.append(time.perf_counter() - begin)
        return {"seconds": statistics.median(times) / repeats_each}

    return block
