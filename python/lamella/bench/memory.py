"""How much memory a piece of work takes at its peak, as the operating system sees it."""

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def peak_growth(work: Callable[[], T]) -> tuple[T, int | None]:
    """What ``work()`` returns, and by how many bytes the resident set grew at most; None where no /proc tells."""
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
        before = _resident("VmRSS")
    except OSError:
        return work(), None
    result = work()
    return result, _resident("VmHWM") - before


def _resident(field: str) -> int:
    """VmRSS, or VmHWM, the peak; bytes."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found.group(1)) if found else 0
