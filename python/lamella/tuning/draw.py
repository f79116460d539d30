"""Settings drawn from a space."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamella.tuning.space import Choice, Distribution, same, spanning

#: Settings of one model, under their names in the space.
Settings = dict[str, Any]


class Space:
    """Names with what their values are drawn from.

    Parameters
    ----------
    entries : mapping
        Distributions; lists to choose from; tuples with distributions in them, for settings such as ``betas``; anything
        else is a value that all models share.
    where : str
    """

    def __init__(self, entries: Any, where: str) -> None:
        if not isinstance(entries, Mapping):
            raise TypeError(
                f"[{where}] space is {entries!r:.80} but must be a mapping of names to distributions, or a list of "
                "settings"
            )
        if not entries:
            raise ValueError(f"[{where}] space is empty: give each setting to be searched a distribution")
        self.entries = {_checked_name(name, where): _meant(value) for name, value in entries.items()}

    @property
    def columns(self) -> dict[str, Distribution]:
        """All distributions; those in tuples as ``betas[0]``."""
        found: dict[str, Distribution] = {}
        for name, value in self.entries.items():
            if isinstance(value, Distribution):
                found[name] = value
            elif isinstance(value, tuple):
                found.update({f"{name}[{i}]": part for i, part in enumerate(value) if isinstance(part, Distribution)})
        return found

    def draw(self, seed: int, number: int) -> Settings:
        """The settings of that number: a function of seed, number and space."""
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))
        return self._filled({name: part.at(rng.random()) for name, part in self.columns.items()})

    def ends(self) -> list[Settings]:
        """Settings at the ends of all ranges; together they have each option of each choice."""
        columns = {name: part.ends() for name, part in self.columns.items()}
        count = max((len(ends) for ends in columns.values()), default=1)
        return [
            self._filled({name: ends[min(place, len(ends) - 1)] for name, ends in columns.items()})
            for place in range(count)
        ]

    def narrowed(self, best: Sequence[Settings]) -> "Space":
        """What spans the best settings."""
        rows = [flat(settings) for settings in best]
        parts = {name: part.narrowed([row[name] for row in rows]) for name, part in self.columns.items()}
        narrow = Space.__new__(Space)
        narrow.entries = self._filled(parts)
        return narrow

    def _filled(self, values: Mapping[str, Any]) -> Settings:
        """With values in the places of the distributions."""
        return {
            name: tuple(values.get(f"{name}[{i}]", part) for i, part in enumerate(value))
            if isinstance(value, tuple)
            else values.get(name, value)
            for name, value in self.entries.items()
        }


def flat(settings: Settings) -> dict[str, Any]:
    """With each number of a tuple under a name of its own as well."""
    parts = {
        f"{name}[{i}]": part
        for name, value in settings.items()
        if isinstance(value, tuple)
        for i, part in enumerate(value)
    }
    return {**settings, **parts}


class Given:
    """Settings to try as they are, in place of a space to draw them from."""

    def __init__(self, settings: Sequence[Any], where: str) -> None:
        if not settings:
            raise ValueError(f"[{where}] space is an empty list: give it the settings to try")
        for place, own in enumerate(settings):
            if not isinstance(own, Mapping):
                raise TypeError(f"[{where}] space[{place}] is {own!r:.80} but must be a mapping of names to values")
        self._settings = [{_checked_name(name, where): own[name] for name in own} for own in settings]

    def __len__(self) -> int:
        return len(self._settings)

    @property
    def columns(self) -> dict[str, Distribution]:
        """What those that differ may have been drawn from."""
        found: dict[str, Distribution] = {}
        rows = [flat(own) for own in self._settings]
        for name in dict.fromkeys(name for row in rows for name in row if not isinstance(row[name], tuple)):
            options: list[Any] = []
            for row in rows:
                if name in row and not any(same(row[name], each) for each in options):
                    options.append(row[name])
            if len(options) > 1:
                found[name] = spanning(options)
        return found

    def draw(self, seed: int, number: int) -> Settings:
        """Those of that number."""
        return dict(self._settings[number])

    def ends(self) -> list[Settings]:
        """All."""
        return self._settings

    def narrowed(self, best: Sequence[Settings]) -> "Given":
        """There is nothing to draw."""
        return self


def _checked_name(name: Any, where: str) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"[{where}] space has the name {name!r} but names must be text")
    return name


def _meant(value: Any) -> Any:
    return Choice(value) if isinstance(value, list) else value
