"""What a check of gradients found."""

import math
from dataclasses import dataclass
from functools import cached_property

from lamella.diagnosis.differences import Element
from lamella.diagnosis.table import table

#: Readings of a relative error, and up to where they hold.
GREAT, GOOD, LOOK = 1.01e-7, 1e-5, 1e-3


@dataclass(frozen=True)
class ArrayCheck:
    """One parameter's gradient, or the input's.

    Attributes
    ----------
    name : str
        "0.weight", as in ``state_dict``; "x" for the input.
    shape : tuple of int
    elements : tuple of Element
        Those that were checked.
    """

    name: str
    shape: tuple[int, ...]
    elements: tuple[Element, ...]

    @property
    def checked(self) -> int:
        """How many elements were checked."""
        return len(self.elements)

    @property
    def kinks(self) -> int:
        """Elements at which the derivative is not defined; they are no part of the error."""
        return sum(element.kink for element in self.elements)

    @cached_property
    def error(self) -> float:
        """|a - n| / (|a| + |n|) over the elements checked, less what rounding explains (see Element). In [0, 1]."""
        counted = [element for element in self.elements if not element.kink]
        size = math.hypot(*(e.analytic for e in counted)) + math.hypot(*(e.numeric for e in counted))
        apart = math.hypot(*(e.error * (abs(e.analytic) + abs(e.numeric)) for e in counted))
        error = apart / size if size > 0 else 0.0
        return error if math.isfinite(error) else 1.0

    @property
    def zero(self) -> bool:
        """Whether all that was checked has no gradient: then a small error says little."""
        return all(element.zero for element in self.elements)

    @property
    def reading(self) -> str:
        """What the error means: "great", "good", "look again" or "wrong".

        "zero" where that is what both say; "kinks" where there is nothing else.
        """
        if self.error > LOOK:
            return "wrong"
        if self.error > GOOD:
            return "look again"
        if self.kinks == self.checked:
            return "kinks"
        if self.zero:
            return "zero"
        return "great" if self.error <= GREAT else "good"

    @property
    def worst(self) -> list[Element]:
        """Elements in the order of how far backward pass and differences are apart."""
        counted = [element for element in self.elements if not element.kink]
        return sorted(counted, key=lambda e: -e.error * (abs(e.analytic) + abs(e.numeric)))


@dataclass(frozen=True)
class GradientCheck:
    """What :func:`lamella.check_gradients` found.

    Attributes
    ----------
    arrays : dict of str to ArrayCheck
        Parameters by name, and "x", the input.
    suspects : tuple of str
        If it did not pass: layers whose own backward does not fit their forward. A wrong gradient of a layer's input is
        handed on, so that all parameters before it are wrong, too, though nothing is the matter with their layers.
    notes : tuple of str
        What else is to be known.
    """

    arrays: dict[str, ArrayCheck]
    suspects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every error is at most 1e-5."""
        return all(array.error <= GOOD for array in self.arrays.values())

    @property
    def error(self) -> float:
        """The largest of the arrays'."""
        return max((array.error for array in self.arrays.values()), default=0.0)

    @property
    def worst(self) -> list[tuple[str, Element]]:
        """Elements of all arrays, by name, the worst of each array first, arrays by their errors."""
        arrays = sorted(self.arrays.values(), key=lambda array: -array.error)
        return [(array.name, element) for array in arrays for element in array.worst]

    def __repr__(self) -> str:
        rows = [
            (
                array.name,
                str(array.shape),
                f"{array.checked:,}" if array.checked == math.prod(array.shape) else f"{array.checked:,} drawn",
                str(array.kinks) if array.kinks else "-",
                f"{array.error:.1e}",
                array.reading,
            )
            for array in self.arrays.values()
        ]
        lines = [
            f"GradientCheck: {'passed' if self.passed else 'not passed'}, largest relative error {self.error:.1e}",
            table(("", "shape", "elements", "kinks", "error", "reading"), rows, right=(2, 3, 4)),
        ]
        if not self.passed:
            lines += [
                f"{name}{list(element.index)}: backward gives {element.analytic:.6g}, differences {element.numeric:.6g}"
                for name, element in self.worst[:3]
            ]
            lines += [f"{suspect}: its own backward does not fit its forward" for suspect in self.suspects]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])
