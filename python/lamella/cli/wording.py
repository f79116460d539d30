"""Names, cells and counts in messages."""

import json

#: Longest piece of the user's data that a message shows.
_LONGEST = 60


def quoted(text: str) -> str:
    """A name or cell of the user's, in double quotes, on one line and not too long."""
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    return json.dumps(short, ensure_ascii=False)


def listed(names: list[str], most: int = 8) -> str:
    """Some of the names, quoted, and how many more there are."""
    shown = ", ".join(map(quoted, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
