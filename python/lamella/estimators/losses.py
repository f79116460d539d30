"""Losses by name."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from lamella import nn
from lamella.nn.loss import HingeLoss, Loss, MultiMarginLoss

#: Losses of regressors. Cells of a row are summed up and rows averaged, as the gradients of scikit-learn's are.
REGRESSION: dict[str, Callable[[], Loss]] = {
    "squared_error": lambda: nn.MSELoss("batchmean", half=True),
    "poisson": lambda: nn.PoissonNLLLoss(reduction="batchmean"),
    "absolute_error": lambda: nn.L1Loss("batchmean"),
    "huber": lambda: nn.HuberLoss("batchmean"),
}

#: Losses of a class out of many, and of answers of yes or no.
_ONE_OF_MANY: dict[str, Callable[[float], Loss]] = {
    "log_loss": lambda smoothing: nn.CrossEntropyLoss(label_smoothing=smoothing),
    "focal": lambda smoothing: nn.FocalLoss(),
    "hinge": lambda smoothing: nn.MultiMarginLoss(),
}
_YES_OR_NO: dict[str, Callable[[], Loss]] = {
    "log_loss": lambda: nn.BCEWithLogitsLoss(reduction="batchmean"),
    "focal": lambda: nn.SigmoidFocalLoss(reduction="batchmean"),
    "hinge": lambda: nn.HingeLoss(reduction="batchmean"),
}


def check_loss(where: str, loss: Any, names: Mapping[str, Any]) -> None:
    """Raise if it is neither one of the names nor a Loss."""
    if isinstance(loss, str):
        if loss not in names:
            raise ValueError(
                f"[{where}] loss is {loss!r} but must be one of {', '.join(names)}; or a loss of lamella.nn"
            )
    elif not isinstance(loss, Loss):
        hint = " (an instance, not the class)" if isinstance(loss, type) else ""
        raise TypeError(f"[{where}] loss is {loss!r:.80} but must be a name or a loss of lamella.nn{hint}")


CLASSIFICATION = tuple(_ONE_OF_MANY)


def classification_loss(loss: str | Loss, many: bool, smoothing: float) -> Loss:
    """The loss of classes (``many``), or of yes and no."""
    if isinstance(loss, Loss):
        return deepcopy(loss)  # the user's stays as it is
    return _ONE_OF_MANY[loss](smoothing) if many else _YES_OR_NO[loss]()


def gives_margins(estimator: Any) -> bool:
    """Whether outputs are margins."""
    return bool(estimator.loss == "hinge" or isinstance(estimator.loss, (HingeLoss, MultiMarginLoss)))


def gives_probabilities(estimator: Any) -> bool:
    """Whether outputs mean probabilities; AttributeError if not."""
    if gives_margins(estimator):
        raise AttributeError("the outputs that a hinge loss trains mean no probabilities")
    return True


def regression_loss(loss: str | Loss) -> Loss:
    """The loss of values."""
    return deepcopy(loss) if isinstance(loss, Loss) else REGRESSION[loss]()


def outputs_for(where: str, loss: Loss, targets: int) -> int:
    """Outputs that a network must have for so many targets: quantiles, say, are several for each."""
    for outputs in range(targets, 256 * targets + 1, targets):
        try:
            if loss.target_width(outputs) == targets:
                return outputs
        except ValueError:
            continue
    raise ValueError(f"[{where}] loss ({loss!r}) does not say how many outputs {targets} targets need")
