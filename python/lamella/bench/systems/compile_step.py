"""The step in PyTorch with torch.compile: forward, loss and backward compiled, the fused optimizer beside them."""

from collections.abc import Callable

import torch

from lamella.bench.systems import torch_step
from lamella.bench.workloads import Array, Workload


def make(workload: Workload, threads: int) -> Callable[[Array, Array], float]:
    """The eager step, its forward and loss compiled (and so its backward)."""
    return torch_step.make(workload, threads, torch.compile)


def describe() -> str:
    """Version."""
    return f"torch.compile {torch.__version__}"
