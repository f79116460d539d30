"""How functions that augment batches are told apart."""

import inspect
from typing import Any


def takes_targets(function: Any, where: str) -> bool:
    """Whether it is f(x, y, rng) rather than f(x, rng): what ``function.takes_targets`` says, else its parameters."""
    if not callable(function):
        raise TypeError(f"[{where}] augment is {function!r:.80} but must be a function f(x, rng) or f(x, y, rng)")
    told = getattr(function, "takes_targets", None)
    if isinstance(told, bool):
        return told
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some that are not written in Python
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in positional if p.default is p.empty]
    if len(needed) == 3:
        return True
    if len(needed) > 3 or (len(positional) < 2 and not any(p.kind is p.VAR_POSITIONAL for p in parameters)):
        raise TypeError(
            f"[{where}] augment takes {len(positional)} arguments but must be a function f(x, rng) or f(x, y, rng)"
        )
    return False
