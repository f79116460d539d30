"""Numbers as people read them."""

import math


def number(value: float | None, digits: int = 4) -> str:
    """A few significant digits; a dash for what is not known."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{int(value):,}".replace("-", "−")
    shown = f"{value:.{digits}g}"
    if "e" in shown:
        mantissa, exponent = shown.split("e")
        shown = f"{mantissa}e{int(exponent)}"
    return shown.replace("-", "−")


def percent(share: float | None) -> str:
    """A share in percent, to three digits at most."""
    if share is None or math.isnan(share):
        return "–"
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{100 * share:.{1 if 0.0005 <= share < 0.9995 else 2}f}%"


def duration(seconds: float) -> str:
    """With a unit that suits."""
    for factor, unit in ((1e-6, "ns"), (1e-3, "µs"), (1.0, "ms")):
        if seconds < factor:
            return f"{seconds / factor * 1e3:.3g} {unit}"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def counted(count: int, singular: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
