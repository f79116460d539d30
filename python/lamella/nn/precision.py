"""In which precision products are computed."""

import os
from typing import Any

from lamella import _core
from lamella._core import Bf16Way

#: What a user may ask for: float32 products; bfloat16 ones where the processor has them, or emulated anywhere.
PRECISIONS = (None, "bf16", "bf16-emulated")

_PRODUCTS = frozenset(["linear_forward", "tied_forward", "linear_backward_input", "linear_backward_weight"])

_INSTRUCTIONS = {
    Bf16Way.amx: "AMX",
    Bf16Way.avx512: "AVX512-BF16",
    Bf16Way.amx_emulated: "AMX, emulated",
    Bf16Way.emulated: "AVX512-BF16, emulated",
}


def bf16_way() -> Bf16Way | None:
    """By which instructions "bf16" is computed: those that ``LAMELLA_BF16`` names, else the best here, if any."""
    ways = _core.bf16_ways()
    forced = os.environ.get("LAMELLA_BF16")
    if not forced:
        return ways[-1] if ways[-1] > Bf16Way.amx_emulated else None
    if forced not in [way.name for way in ways]:
        raise ValueError(f'LAMELLA_BF16 is "{forced}" but there are here: {", ".join(way.name for way in ways)}')
    return Bf16Way[forced]


def bf16_instructions() -> str | None:
    """The same as text."""
    way = bf16_way()
    return None if way is None else _INSTRUCTIONS[way]


class Precision:
    """Turns ops of products into those of another precision.

    Parameters
    ----------
    name : str or None
        One of ``PRECISIONS``, checked.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        way = bf16_way() if name == "bf16" else None
        self._way = Bf16Way.emulated if way is None else way

    def op(self, kernel: str, sizes: list[int]) -> tuple[str, list[int]]:
        """Kernel and sizes to take in the place of these."""
        if self.name is None or kernel not in _PRODUCTS:
            return kernel, sizes
        return f"{kernel}_bf16", [*sizes, self._way]


def check_precision(where: str, precision: Any, dtype: str) -> str | None:
    """``precision`` if it is known, the machine has it and it suits the model's dtype, or an error."""
    if precision not in PRECISIONS:
        raise ValueError(f'[{where}] precision is {precision!r:.80} but must be None, "bf16" or "bf16-emulated"')
    if precision is not None and dtype != "float32":
        raise ValueError(f"[{where}] precision is {precision!r} but the model's dtype is {dtype}: it must be float32")
    if precision == "bf16" and bf16_way() is None:
        raise ValueError(
            f'[{where}] precision is "bf16" but there is neither AMX nor AVX512-BF16 here; "bf16-emulated" computes '
            "with the same rounding, slower than float32"
        )
    return None if precision is None else str(precision)
