"""Threads and instruction sets."""

import numbers
import os

import numpy as np

from lamella import _core
from lamella._version import __version__


def get_num_threads() -> int:
    """Most threads that a call may use.

    Returns
    -------
    int
        By default the least of CPU affinity, cgroup quota and ``OMP_NUM_THREADS``. Work too small to share runs on one
        thread whatever this is. In a child made by ``fork`` it is 1.
    """
    return _core.get_num_threads()


def set_num_threads(threads: int) -> None:
    """Set the most threads that a call may use. Results have the same bits for any number.

    Parameters
    ----------
    threads : int
        At least 1.

    Raises
    ------
    TypeError
        If ``threads`` is no integer.
    ValueError
        If it is less than 1 or more than 4096.
    """
    if isinstance(threads, bool) or not isinstance(threads, numbers.Integral):
        raise TypeError(f"[set_num_threads] threads is {threads!r} but must be an integer")
    if not 1 <= threads <= 4096:
        raise ValueError(f"[set_num_threads] threads is {threads!r} but must be in [1, 4096]")
    _core.set_num_threads(int(threads))


def show_config() -> str:
    """Version, instruction sets, threads and build of this installation, as text."""
    import platform

    from lamella.nn.precision import bf16_instructions

    isas = ", ".join(name if runs else f"{name} (not on this machine)" for name, runs in _core.isas().items())
    ways = ", ".join(way.name for way in _core.bf16_ways())
    bf16 = bf16_instructions() or "emulated only"
    return "\n".join(
        [
            f"lamella {__version__}",
            f"  instruction set  {_core.isa()}   (built: {isas}; force one with LAMELLA_ISA)",
            f"  bfloat16         {bf16}   (here: {ways}; force one with LAMELLA_BF16)",
            f"  threads          {_core.get_num_threads()} of {os.cpu_count()} CPUs",
            f"  compiler         {_core.compiler()}",
            f"  python           {platform.python_version()}, numpy {np.__version__}, {platform.machine()}",
        ]
    )
