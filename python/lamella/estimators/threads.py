"""How many threads an estimator may use."""

import contextlib
from collections.abc import Iterator
from typing import Any

from lamella import _core
from lamella.nn import _check


def check_jobs(where: str, jobs: Any) -> int | None:
    """``n_jobs`` as a number of threads: None is lamella's own choice, -1 all that it may use, -2 all but one."""
    if jobs is None:
        return None
    count = _check.integer(where, "n_jobs", jobs, -(2**31))
    if count == 0:
        raise ValueError(f"[{where}] n_jobs is 0 but must be a number of threads, or -1 for all")
    return count if count > 0 else max(1, _core.get_num_threads() + 1 + count)


@contextlib.contextmanager
def at_most(threads: int | None) -> Iterator[None]:
    """A context in which what this thread begins runs on so many threads at most. The bits are the same for any."""
    if threads is None:
        yield
        return
    before = _core.limit_threads(threads)
    try:
        yield
    finally:
        _core.limit_threads(before)
