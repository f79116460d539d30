"""Errors on training, validation and test data beside the error that is wanted: what to try next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lamella.diagnosis.findings import Finding
from lamella.diagnosis.table import table
from lamella.nn import _check

#: Scores that say how good a model is, rather than the loss.
_SCORES = ("accuracy", "mse", "mae")

_BIAS = (
    "a larger network: more units or layers",
    "train longer, at a better learning rate (lm.lr_range_test), or with another optimizer (optim.Adam, optim.Muon)",
    "less regularisation: dropout, weight decay, noise",
    "lm.overfit_check: whether the network can learn at all; and features that tell more",
)
_VARIANCE = (
    "more training data, or augmentation and mixup",
    "regularisation: weight decay, dropout, label smoothing, max-norm",
    "early stopping: fit(patience=...)",
    "an ensemble; or a smaller network",
)
_MISMATCH = (
    "look at which rows of the validation data fail, and how they differ from training rows",
    "training data that is more like the validation data: collect, synthesise or weigh rows (sample_weight)",
)
_TEST = (
    "more validation data: the present one has been tuned to",
    "fewer choices by validation error, or cross-validation (lm.cross_validate)",
)


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """Where the error comes from.

    All numbers are errors, lower is better: accuracies a are 1 - a here.

    Attributes
    ----------
    train, validation : float
    test, train_dev : float or None
    target : float
        The error that is wanted.
    bias : float
        train - target: what the network does not learn of the data that it sees.
    variance : float
        What it does not carry over to rows that it has not seen: train_dev - train if there is a train_dev, else
        validation - train.
    mismatch : float or None
        validation - train_dev: what is lost because validation data is of another kind than training data.
    overfit_to_validation : float or None
        test - validation.
    tolerance : float
        Gaps up to here are not told of.
    findings : tuple of Finding
        Gaps that count, largest first, each with what to try; their kinds are "bias", "variance", "mismatch" and
        "overfitting to the validation data". And what looks odd: "better on validation than on training
        data".
    """

    train: float
    validation: float
    test: float | None
    train_dev: float | None
    target: float
    bias: float
    variance: float
    mismatch: float | None
    overfit_to_validation: float | None
    tolerance: float
    findings: tuple[Finding, ...]

    @property
    def reached(self) -> bool:
        """Whether the last error there is (test, else validation) is as low as the target, or lower."""
        return (self.validation if self.test is None else self.test) <= self.target

    @property
    def advice(self) -> tuple[str, ...]:
        """What to try next: that of the largest gap."""
        return self.findings[0].advice if self.findings else ()

    def __repr__(self) -> str:
        steps = [
            ("target", self.target, None, ""),
            ("train", self.train, self.bias, "bias"),
            ("train-dev", self.train_dev, self.variance, "variance"),
            (
                "validation",
                self.validation,
                self.variance if self.train_dev is None else self.mismatch,
                "variance" if self.train_dev is None else "mismatch",
            ),
            ("test", self.test, self.overfit_to_validation, "overfitting to the validation data"),
        ]
        rows = [
            (name, f"{error:.4g}", "" if gap is None else f"{gap:+.4g}", what)
            for name, error, gap, what in steps
            if error is not None
        ]
        lines = [table(("", "error", "gap", ""), rows, right=(1, 2))]
        if self.reached:
            lines.append("the target is reached")
        return "\n".join([*lines, *map(str, self.findings)])

    def _repr_html_(self) -> str:
        from lamella.reporting import notebook

        return notebook.diagnosis(self)


def diagnose(
    train: Any,
    validation: Any,
    test: Any = None,
    target: float | None = None,
    *,
    train_dev: Any = None,
    accuracy: bool | None = None,
    tolerance: float | None = None,
) -> Diagnosis:
    """Read bias, variance and mismatch from errors on different data, and say what to try next.

    Each is a number, or what ``trainer.evaluate`` gives: then the accuracy is taken where there is one, else the loss's
    other score ("mse"). Measure all in evaluation mode; a history's "loss" is that of training, with dropout and of
    weights that were still changing.

    Parameters
    ----------
    train, validation : float or dict
        On the training data, and on data held out.
    test : float or dict, optional
        On data that nothing was chosen by.
    target : float, optional
        What is wanted, or what people (or the best known method) reach; in the same measure. Perfection by default.
    train_dev : float or dict, optional
        On rows held out of the training data's own distribution, where validation data is of another kind (Ng 2018).
    accuracy : bool, optional
        Whether the numbers are accuracies (high is good) rather than errors. By default where dicts have one.
    tolerance : float, optional
        The gap from which on it is told of; a tenth of the largest error by default.

    Returns
    -------
    Diagnosis
        ``print`` shows the gaps and what to try.

    Raises
    ------
    ValueError
        If a number is not finite, an error negative, or an accuracy outside [0, 1].
    TypeError
        If one is no number, or dicts hold different scores.

    Notes
    -----
    Ng 2018, "Machine Learning Yearning", chapters 20 to 43.
    """
    where = "diagnose"
    given = {"train": train, "validation": validation, "test": test, "train_dev": train_dev}
    numbers, score = _numbers({name: value for name, value in given.items() if value is not None}, where)
    if accuracy is None:
        accuracy = score == "accuracy"
    _check.flag(where, "accuracy", accuracy)
    if target is None:
        target = 1.0 if accuracy else 0.0
    errors = {name: _error(where, name, value, accuracy) for name, value in {**numbers, "target": target}.items()}
    if tolerance is None:
        tolerance = max(errors.values()) / 10
    tolerance = _check.number(where, "tolerance", tolerance, 0)

    seen, held, wanted = errors["train"], errors["validation"], errors["target"]
    own = errors.get("train_dev")
    bias, variance = seen - wanted, (held if own is None else own) - seen
    mismatch = None if own is None else held - own
    beyond = errors["test"] - held if "test" in errors else None
    gaps = {
        "bias": (bias, "the network does not learn the training data as well as is wanted", _BIAS),
        "variance": (variance, "what it learned does not carry over to rows that it has not seen", _VARIANCE),
        "mismatch": (mismatch, "the validation data is of another kind than the training data", _MISMATCH),
        "overfitting to the validation data": (beyond, "it was chosen to suit the validation data", _TEST),
    }
    large = [
        Finding(kind, "", gap, f"{kind} ({gap:.3g}): {text}", advice)
        for kind, (gap, text, advice) in gaps.items()
        if gap is not None and gap > tolerance
    ]
    large.sort(key=lambda finding: -finding.value)
    odd = _odd(variance, tolerance)
    return Diagnosis(
        seen,
        held,
        errors.get("test"),
        own,
        wanted,
        bias,
        variance,
        mismatch,
        beyond,
        tolerance,
        (*large, *odd),
    )


def _odd(variance: float, tolerance: float) -> Iterator[Finding]:
    if variance < -tolerance:
        yield Finding(
            "better on validation than on training data",
            "",
            -variance,
            f"better on validation than on training data, by {-variance:.3g}",
            (
                "measure both in evaluation mode, by trainer.evaluate: dropout and augmentation make training harder",
                "more validation data; and look for rows that are in both",
            ),
        )


def _numbers(given: dict[str, Any], where: str) -> tuple[dict[str, Any], str | None]:
    """Numbers by name, and the score that records hold, if they are records."""
    records = {name: value for name, value in given.items() if isinstance(value, Mapping)}
    if not records:
        return given, None
    if len(records) < len(given):
        raise TypeError(f"[{where}] some are numbers and some are records ({', '.join(records)}): pass all alike")
    first = next(iter(records.values()))
    score = next((score for score in _SCORES if score in first), "loss")
    for name, record in records.items():
        if score not in record:
            raise TypeError(f"[{where}] {name} has no {score!r}, which the others have: it has {', '.join(record)}")
    return {name: record[score] for name, record in records.items()}, score


def _error(where: str, name: str, value: Any, accuracy: bool) -> float:
    if accuracy:
        return 1 - _check.number(where, name, value, 0, 1)
    return _check.number(where, name, value, 0)
