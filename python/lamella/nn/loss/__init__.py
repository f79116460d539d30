"""Losses: value, gradient and score in one native pass."""

from lamella.nn.loss.base import Loss
from lamella.nn.loss.binary import BCEWithLogitsLoss, SigmoidFocalLoss
from lamella.nn.loss.cross_entropy import CrossEntropyLoss, FocalLoss, NLLLoss
from lamella.nn.loss.distribution import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from lamella.nn.loss.margin import HingeLoss, MultiMarginLoss
from lamella.nn.loss.quantile import QuantileLoss
from lamella.nn.loss.regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "GaussianNLLLoss",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "QuantileLoss",
    "SigmoidFocalLoss",
    "SmoothL1Loss",
]
