"""Columns as what the network takes: standardised numbers and one-hot categories, by the training rows."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamella.cli.columns import Column
from lamella.cli.errors import CliError
from lamella.cli.wording import listed, quoted


@dataclass(frozen=True)
class NumericFeature:
    """(x - mean) / scale; a missing value counts as the mean."""

    name: str
    mean: float
    scale: float
    width = 1

    def encode(self, column: Column) -> NDArray[np.float64]:
        """(n, 1)."""
        with np.errstate(over="ignore"):  # infinite is reported by `encode`
            standardised = (column.values - self.mean) / self.scale
        encoded: NDArray[np.float64] = np.where(column.missing, 0.0, standardised)[:, None]
        return encoded

    def to_json(self) -> dict[str, Any]:
        """For the model file."""
        return {"name": self.name, "kind": "numeric", "mean": self.mean, "scale": self.scale}


@dataclass(frozen=True)
class CategoryFeature:
    """A column of 0 and 1 for each category; all 0 for a missing value, and for a category not seen in training."""

    name: str
    categories: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of categories."""
        return len(self.categories)

    def encode(self, column: Column) -> NDArray[np.float64]:
        """(n, categories)."""
        places = {category: place for place, category in enumerate(self.categories)}
        place = np.array([places.get(text, -1) for text in column.values], np.int64)
        encoded: NDArray[np.float64] = (place[:, None] == np.arange(self.width)).astype(np.float64)
        return encoded

    def unseen(self, column: Column) -> Counter[str]:
        """Categories of ``column`` that training did not see, and how often they come."""
        known = {"", *self.categories}
        return Counter(text for text in column.values if text not in known)

    def to_json(self) -> dict[str, Any]:
        """For the model file."""
        return {"name": self.name, "kind": "categorical", "categories": list(self.categories)}


Feature = NumericFeature | CategoryFeature


def centre_and_scale(values: NDArray[np.float64], name: str) -> tuple[float, float]:
    """Mean and standard deviation; the deviation of a constant is taken as 1, so that nothing divides by zero."""
    if values.min() == values.max():
        return float(values[0]), 1.0
    largest = np.abs(values).max()
    ratios = values / largest  # squares of the values themselves could overflow
    mean, scale = float(ratios.mean() * largest), float(ratios.std() * largest)
    if largest > np.finfo(np.float64).max / 4 or scale == 0.0:  # x - mean must not overflow either
        raise CliError(
            f"column {quoted(name)} reaches from {values.min():g} to {values.max():g}: too wide or too narrow "
            "to standardise"
        )
    return mean, scale


def fit_features(columns: list[Column]) -> list[Feature]:
    """Learn means, scales and categories from the training rows."""
    features: list[Feature] = []
    for column in columns:
        values = column.values[~column.missing]
        if len(values) == 0:
            raise CliError(
                f"column {quoted(column.name)} has no values in the training rows; leave it out with --ignore"
            )
        if column.numeric:
            features.append(NumericFeature(column.name, *centre_and_scale(values, column.name)))
        else:
            features.append(CategoryFeature(column.name, tuple(sorted(set(values)))))
    return features


def encode(features: list[Feature], columns: list[Column]) -> NDArray[np.float32]:
    """What the network takes, (n, sum of widths)."""
    n = len(columns[0].values)
    encoded = np.empty((n, sum(feature.width for feature in features)), np.float32)
    begin = 0
    for feature, column in zip(features, columns, strict=True):
        values = feature.encode(column)
        worst = np.abs(values).max(initial=0.0)
        if worst > np.finfo(np.float32).max:
            raise CliError(
                f"column {quoted(feature.name)} has a value too far from those of the training rows "
                f"({worst:.1e} standard deviations)"
            )
        encoded[:, begin : begin + feature.width] = values
        begin += feature.width
    return encoded


def unseen_warnings(features: list[Feature], columns: list[Column]) -> list[str]:
    """A line for each column with categories that training did not see."""
    warnings = []
    for feature, column in zip(features, columns, strict=True):
        unseen = feature.unseen(column) if isinstance(feature, CategoryFeature) else None
        if unseen:
            rows = sum(unseen.values())
            warnings.append(
                f"column {quoted(column.name)}: {rows} row{'s have' if rows > 1 else ' has'} a category not seen in "
                f"training ({listed(sorted(unseen), 5)}), taken as none of the known ones"
            )
    return warnings


def features_from_json(entries: list[dict[str, Any]]) -> list[Feature]:
    """What :meth:`to_json` wrote."""
    return [
        NumericFeature(entry["name"], entry["mean"], entry["scale"])
        if entry["kind"] == "numeric"
        else CategoryFeature(entry["name"], tuple(entry["categories"]))
        for entry in entries
    ]
