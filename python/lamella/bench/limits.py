"""What the machine can do at most: multiply-adds in registers, and copies between arrays that no cache holds."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lamella import _core

#: Least and most bytes of an array to copy, beside four times the largest cache.
_LEAST, _MOST = 2**26, 2**28


@dataclass(frozen=True)
class Limits:
    """Of a number of threads."""

    threads: int
    multiply_adds_per_second: float
    copy_bytes_per_second: float  # read and written bytes together

    def __str__(self) -> str:
        flops, copy = 2e-9 * self.multiply_adds_per_second, 1e-9 * self.copy_bytes_per_second
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}: {flops:.0f} GFLOP/s, {copy:.1f} GB/s"


@cache
def measure(threads: int) -> Limits:
    """The most in float32 that so many threads reach; measured once a process."""
    return Limits(threads, _multiply_adds(threads), _copy(threads))


def _multiply_adds(threads: int, repeats: int = 200_000) -> float:
    """In runs of about a millisecond, so that on a busy machine some are not interrupted."""
    out, each = np.zeros((threads, 16), np.float32), np.zeros(1, np.float32)

    def run() -> None:
        sizes = [threads, repeats]
        _core.call_kernel("multiply_add_limit", [out, each], 0, sizes, None, _core.DType.float32, threads)

    seconds = _least_seconds(run, 100)
    return float(threads * repeats * each[0]) / seconds


def _copy(threads: int) -> float:
    width = 4096
    size = min(max(4 * _largest_cache(), _LEAST), _MOST)
    x = np.ones((size // (4 * width), width), np.float32)
    y = np.zeros_like(x)

    def run() -> None:
        _core.call_kernel("copy_limit", [y, x], len(x), [width], None, _core.DType.float32, threads)

    return 2 * x.nbytes / _least_seconds(run, 5)


def _largest_cache() -> int:
    """Bytes of the last-level cache; 0 if nobody tells."""
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    sizes = [path.read_text().strip() for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    return max((int(size[:-1]) * units[size[-1]] for size in sizes if size[-1:] in units), default=0)


def _least_seconds(run: Callable[[], None], times: int) -> float:
    least = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - begin)
    return least
