"""What is predicted: classes or a number."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamella import nn
from lamella.cli.columns import Column, to_number
from lamella.cli.features import centre_and_scale

#: Rows turned into text at once.
_BLOCK = 4096


@dataclass(frozen=True)
class ClassTarget:
    """One of some classes."""

    name: str
    classes: tuple[str, ...]

    task = "classification"
    score_key = "accuracy"
    score_name = "accuracy"
    score_format = ".4f"

    @property
    def outputs(self) -> int:
        """Outputs of the network: a logit for each class."""
        return len(self.classes)

    @staticmethod
    def fit(column: Column) -> "ClassTarget":
        """Classes in the order of their numbers if all are numbers, else of their texts."""
        texts = sorted(set(column.values))
        if all(to_number(text) is not None for text in texts):
            texts.sort(key=float)
        return ClassTarget(column.name, tuple(texts))

    def make_loss(self) -> nn.Loss:
        """Softmax and cross-entropy."""
        return nn.CrossEntropyLoss()

    def encode(self, column: Column) -> NDArray[Any]:
        """(n,) the number of each row's class, -1 for a text that is none of them."""
        places = {text: place for place, text in enumerate(self.classes)}
        return np.array([places.get(text, -1) for text in column.values], np.int64)

    def shown(self, score: float) -> float:
        """The trainer's score as the user sees it."""
        return score

    def rank(self, record: dict[str, float]) -> tuple[float, ...]:
        """Orders epochs by their validation, the best first: by accuracy, among equals by loss."""
        return -record["val_accuracy"], record["val_loss"]

    def header(self) -> list[str]:
        """Columns of the predictions."""
        return ["prediction", *(f"probability_{text}" for text in self.classes)]

    def records(self, outputs: NDArray[Any]) -> Iterator[list[str]]:
        """A row of texts for each row of outputs: the class, and the probability of each."""
        loss = self.make_loss()
        for begin in range(0, len(outputs), _BLOCK):
            block = outputs[begin : begin + _BLOCK]
            probabilities = loss.probabilities(block).astype(str)  # the shortest digits that give the same float32
            for place, row in zip(loss.decide(block), probabilities, strict=True):
                yield [self.classes[place], *row]

    def scores(self, outputs: NDArray[Any], column: Column) -> dict[str, float]:
        """Accuracy, and that of always saying the commonest class."""
        truth = self.encode(column)
        right = self.make_loss().decide(outputs) == truth
        commonest = np.bincount(truth[truth >= 0], minlength=1).max()
        return {"accuracy": float(right.mean()), "commonest_class": float(commonest / len(truth))}

    def describe_scores(self, scores: dict[str, float]) -> str:
        """In words."""
        return f"accuracy {scores['accuracy']:.4f} (always the commonest class: {scores['commonest_class']:.4f})"

    def to_json(self) -> dict[str, Any]:
        """For the model file."""
        return {"name": self.name, "classes": list(self.classes)}


@dataclass(frozen=True)
class NumberTarget:
    """A number, standardised for training."""

    name: str
    mean: float
    scale: float

    task = "regression"
    score_key = "mse"
    score_name = "RMSE"
    score_format = ".5g"
    outputs = 1

    @staticmethod
    def fit(column: Column) -> "NumberTarget":
        """By the training rows."""
        return NumberTarget(column.name, *centre_and_scale(column.values, column.name))

    def make_loss(self) -> nn.Loss:
        """Mean squared error, in standard deviations."""
        return nn.MSELoss()

    def encode(self, column: Column) -> NDArray[Any]:
        """(n,) standardised."""
        encoded: NDArray[Any] = (column.values - self.mean) / self.scale
        return encoded

    def shown(self, score: float) -> float:
        """The trainer's squared error as a root in the target's own units."""
        return float(np.sqrt(score)) * self.scale

    def rank(self, record: dict[str, float]) -> tuple[float, ...]:
        """Orders epochs by their validation, the best first."""
        return (record["val_mse"],)

    def header(self) -> list[str]:
        """Columns of the predictions."""
        return ["prediction"]

    def values(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) predictions in the target's own units."""
        return outputs[:, 0].astype(np.float64) * self.scale + self.mean

    def records(self, outputs: NDArray[Any]) -> Iterator[list[str]]:
        """A row of one text for each row of outputs."""
        return ([repr(value)] for value in self.values(outputs).tolist())

    def scores(self, outputs: NDArray[Any], column: Column) -> dict[str, float]:
        """R² (1 - squared error / that of the rows' own mean; NaN if they are all equal) and RMSE."""
        errors = self.values(outputs) - column.values
        spread = float(((column.values - column.values.mean()) ** 2).mean())
        mse = float((errors**2).mean())
        return {"r2": 1 - mse / spread if spread > 0 else float("nan"), "rmse": float(np.sqrt(mse))}

    def describe_scores(self, scores: dict[str, float]) -> str:
        """In words."""
        return f"R² {scores['r2']:.4f}, RMSE {scores['rmse']:.6g}"

    def to_json(self) -> dict[str, Any]:
        """For the model file."""
        return {"name": self.name, "mean": self.mean, "scale": self.scale}


Target = ClassTarget | NumberTarget


def target_from_json(entry: dict[str, Any]) -> Target:
    """What :meth:`to_json` wrote."""
    if "classes" in entry:
        return ClassTarget(entry["name"], tuple(entry["classes"]))
    return NumberTarget(entry["name"], entry["mean"], entry["scale"])
