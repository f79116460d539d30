"""Every loss with every option that changes its algebra: how to make it, data for it, and its reference."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import reference
from lamella import nn

RNG = np.random.default_rng


@dataclass
class Case:
    """A loss and what it takes; arrays among the settings are made for the width."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    targets: str = "values"
    outputs: str = "values"
    loss: Any = None  # reference(z, y, **arguments): losses of rows or cells

    def make(self, width, **more):
        settings = {key: make(width) if callable(make) else make for key, make in self.settings.items()}
        return getattr(nn, self.kind)(**settings, **more)

    def outputs_width(self, width):
        if self.kind == "GaussianNLLLoss":
            return 2 * width
        return len(self.settings["quantiles"]) * width if self.kind == "QuantileLoss" else width

    def draw(self, rng, n, width, dtype, spread=2.0):
        """(outputs, targets)."""
        z = spread * rng.standard_normal((n, self.outputs_width(width)))
        if self.outputs == "log-probabilities":
            z = reference.log_softmax(z)
        if self.outputs == "positive":
            z = np.exp(0.3 * z)
        return z.astype(dtype), self.draw_targets(rng, n, width, dtype)

    def draw_targets(self, rng, n, width, dtype):
        if self.targets == "labels":
            return rng.integers(0, width, n)
        if self.targets == "some ignored":
            labels = rng.integers(0, width, n)
            labels[rng.random(n) < 0.3] = self.settings.get("ignore_index", -100)
            return labels
        shares = rng.dirichlet(np.ones(width), n)
        return {
            "values": lambda: rng.standard_normal((n, width)),
            "shares": lambda: rng.choice([0, 0.3, 0.75, 1], (n, width)),
            "signs": lambda: rng.choice([-1.0, 1.0], (n, width)),
            "counts": lambda: rng.poisson(3, (n, width)),
            "distributions": lambda: shares,
            "sparse distributions": lambda: np.eye(width)[rng.integers(0, width, n)],
            "logs of distributions": lambda: np.log(shares + 1e-3),
        }[self.targets]().astype(dtype)

    def reference(self, z, y, loss):
        """(losses of rows or cells, what each counts in a mean), in float64."""
        n = len(z)
        if self.targets in ("labels", "some ignored"):
            weight = getattr(loss, "weight", None)
            ignored = (y == loss.ignored) if loss.ignored is not None else np.zeros(n, bool)
            labels = np.where(ignored, 0, y)
            counts = np.ones(n) if weight is None or self.kind == "MultiMarginLoss" else weight[labels]
            return np.where(ignored, 0, self.loss(z, labels, loss)), np.where(ignored, 0, counts)
        losses = self.loss(z, y, loss)
        return losses, np.ones(losses.shape)


def label_entropy(z, y, loss):
    weight = np.ones(z.shape[1]) if loss.weight is None else loss.weight
    hard = -weight[y] * reference.log_softmax(reference.f64(z))[np.arange(len(z)), y]
    even = reference.soft_cross_entropy(z, np.zeros(z.shape), weight, 1.0)
    return (1 - loss.label_smoothing) * hard + loss.label_smoothing * even


def share_entropy(z, y, loss):
    return reference.soft_cross_entropy(z, y, loss.weight, loss.label_smoothing)


def weights(seed, zeros=False):
    def make(width):
        found = RNG(seed).uniform(0.2, 3, width)
        if zeros:
            found[0] = 0
        return found

    return make


W, P = weights(1), weights(2)


def binary(z, y, loss):
    return reference.weighted_binary(
        z, y, 1.0 if loss.weight is None else loss.weight, 1.0 if loss.pos_weight is None else loss.pos_weight
    )


def settings(function, *names):
    return lambda z, y, loss: function(z, y, **{name: getattr(loss, name) for name in names})


focal = settings(reference.focal, "gamma", "weight")
margin = settings(reference.multi_margin, "p", "margin", "weight")
nll = settings(reference.nll, "weight")
sigmoid_focal = settings(reference.sigmoid_focal, "gamma", "alpha")
hinge = settings(reference.hinge, "squared")
kl = settings(reference.kl_divergence, "log_target")
gaussian = settings(reference.gaussian_nll, "full", "eps")
poisson = settings(reference.poisson_nll, "log_input", "full", "eps")

CASES = {
    "ce": Case("CrossEntropyLoss", {}, "labels", loss=label_entropy),
    "ce ignored": Case("CrossEntropyLoss", {}, "some ignored", loss=label_entropy),
    "ce ignored 0": Case("CrossEntropyLoss", {"ignore_index": 0}, "some ignored", loss=label_entropy),
    "ce weight": Case("CrossEntropyLoss", {"weight": W}, "some ignored", loss=label_entropy),
    "ce smoothing": Case("CrossEntropyLoss", {"label_smoothing": 0.1}, "some ignored", loss=label_entropy),
    "ce all smooth": Case("CrossEntropyLoss", {"label_smoothing": 1.0}, "labels", loss=label_entropy),
    "ce weight smoothing": Case(
        "CrossEntropyLoss", {"weight": W, "label_smoothing": 0.3, "ignore_index": 1}, "some ignored", loss=label_entropy
    ),
    "shares": Case("CrossEntropyLoss", {}, "distributions", loss=share_entropy),
    "shares sparse": Case("CrossEntropyLoss", {}, "sparse distributions", loss=share_entropy),
    "shares weight smoothing": Case(
        "CrossEntropyLoss", {"weight": W, "label_smoothing": 0.2}, "distributions", loss=share_entropy
    ),
    "shares not of one": Case("CrossEntropyLoss", {"weight": W}, "counts", loss=share_entropy),
    "focal": Case("FocalLoss", {}, "some ignored", loss=focal),
    "focal 0": Case("FocalLoss", {"gamma": 0.0}, "labels", loss=focal),
    "focal weight": Case("FocalLoss", {"gamma": 0.5, "weight": W}, "some ignored", loss=focal),
    "nll": Case("NLLLoss", {}, "some ignored", "log-probabilities", loss=nll),
    "nll weight": Case("NLLLoss", {"weight": W, "ignore_index": 2}, "some ignored", "log-probabilities", loss=nll),
    "margin": Case("MultiMarginLoss", {}, "labels", loss=margin),
    "margin squared": Case("MultiMarginLoss", {"p": 2, "margin": 0.4}, "labels", loss=margin),
    "margin weight": Case("MultiMarginLoss", {"margin": 2.5, "weight": W}, "labels", loss=margin),
    "bce": Case("BCEWithLogitsLoss", {}, "shares", loss=binary),
    "bce weight": Case("BCEWithLogitsLoss", {"weight": W}, "shares", loss=binary),
    "bce pos_weight": Case("BCEWithLogitsLoss", {"pos_weight": P}, "shares", loss=binary),
    "bce both": Case("BCEWithLogitsLoss", {"weight": weights(3, zeros=True), "pos_weight": P}, "shares", loss=binary),
    "sigmoid focal": Case("SigmoidFocalLoss", {}, "shares", loss=sigmoid_focal),
    "sigmoid focal 0": Case("SigmoidFocalLoss", {"gamma": 0.0, "alpha": 0.7}, "shares", loss=sigmoid_focal),
    "sigmoid focal plain": Case("SigmoidFocalLoss", {"gamma": 1.5, "alpha": None}, "shares", loss=sigmoid_focal),
    "hinge": Case("HingeLoss", {}, "signs", loss=hinge),
    "hinge squared": Case("HingeLoss", {"squared": True}, "signs", loss=hinge),
    "mse": Case("MSELoss", {}, loss=lambda z, y, _: reference.squared_error(z, y)[0]),
    "mse half": Case("MSELoss", {"half": True}, loss=lambda z, y, _: reference.squared_error(z, y)[0] / 2),
    "l1": Case("L1Loss", {}, loss=lambda z, y, _: abs(np.subtract(*reference.f64(z, y)))),
    "huber": Case("HuberLoss", {}, loss=settings(reference.huber, "delta")),
    "huber 0.3": Case("HuberLoss", {"delta": 0.3}, loss=settings(reference.huber, "delta")),
    "smooth l1": Case("SmoothL1Loss", {}, loss=settings(reference.smooth_l1, "beta")),
    "smooth l1 2.5": Case("SmoothL1Loss", {"beta": 2.5}, loss=settings(reference.smooth_l1, "beta")),
    "smooth l1 0": Case("SmoothL1Loss", {"beta": 0.0}, loss=settings(reference.smooth_l1, "beta")),
    "kl": Case("KLDivLoss", {}, "distributions", "log-probabilities", loss=kl),
    "kl sparse": Case("KLDivLoss", {}, "sparse distributions", "log-probabilities", loss=kl),
    "kl logs": Case("KLDivLoss", {"log_target": True}, "logs of distributions", "log-probabilities", loss=kl),
    "gaussian": Case("GaussianNLLLoss", {}, loss=gaussian),
    "gaussian full": Case("GaussianNLLLoss", {"full": True, "eps": 1e-3}, loss=gaussian),
    "poisson": Case("PoissonNLLLoss", {}, "counts", loss=poisson),
    "poisson full": Case("PoissonNLLLoss", {"full": True}, "counts", loss=poisson),
    "poisson rates": Case("PoissonNLLLoss", {"log_input": False, "eps": 1e-4}, "counts", "positive", loss=poisson),
    "poisson rates full": Case(
        "PoissonNLLLoss", {"log_input": False, "full": True}, "counts", "positive", loss=poisson
    ),
    "one quantile": Case(
        "QuantileLoss", {"quantiles": (0.9,)}, loss=lambda z, y, loss: reference.quantile(z, y, loss.quantiles)
    ),
    "quantiles": Case(
        "QuantileLoss", {"quantiles": (0.1, 0.5, 0.8)}, loss=lambda z, y, loss: reference.quantile(z, y, loss.quantiles)
    ),
}  # fmt: skip
