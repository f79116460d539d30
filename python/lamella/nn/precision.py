"""In which precision products are computed."""

from typing import Any

from lamella import _core

#: What a user may ask for: float32 products; bfloat16 ones where the processor has them, or emulated anywhere.
PRECISIONS = (None, "bf16", "bf16-emulated")

_PRODUCTS = frozenset(["linear_forward", "tied_forward", "linear_backward_input", "linear_backward_weight"])


class Precision:
    """Turns ops of products into those of another precision.

    Parameters
    ----------
    name : str or None
        One of ``PRECISIONS``, checked.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def op(self, kernel: str, sizes: list[int]) -> tuple[str, list[int]]:
        """Kernel and sizes to take in the place of these."""
        if self.name is None or kernel not in _PRODUCTS:
            return kernel, sizes
        return f"{kernel}_bf16", [*sizes, self.name == "bf16"]


def check_precision(where: str, precision: Any, dtype: str) -> str | None:
    """``precision`` if it is known, the machine has it and it suits the model's dtype, or an error."""
    if precision not in PRECISIONS:
        raise ValueError(f'[{where}] precision is {precision!r:.80} but must be None, "bf16" or "bf16-emulated"')
    if precision is not None and dtype != "float32":
        raise ValueError(f"[{where}] precision is {precision!r} but the model's dtype is {dtype}: it must be float32")
    if precision == "bf16" and not _core.has_bf16():
        raise ValueError(
            f'[{where}] precision is "bf16" but there is no AVX512-BF16 here; "bf16-emulated" computes with the same '
            "rounding, slower than float32"
        )
    return None if precision is None else str(precision)
