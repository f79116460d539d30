"""Learning-rate schedules: pure functions of the number of steps, under PyTorch's names."""

from lamella.optim.schedule.chained import ChainedScheduler
from lamella.optim.schedule.constant import ConstantLR
from lamella.optim.schedule.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from lamella.optim.schedule.cyclic import CyclicLR
from lamella.optim.schedule.decay import ExponentialLR, InverseSqrtLR, InverseTimeLR, PolynomialLR
from lamella.optim.schedule.function import LambdaLR, MultiplicativeLR
from lamella.optim.schedule.linear import LinearLR
from lamella.optim.schedule.one_cycle import OneCycleLR
from lamella.optim.schedule.piecewise import PiecewiseConstantLR
from lamella.optim.schedule.plateau import ReduceLROnPlateau
from lamella.optim.schedule.scheduler import LRScheduler
from lamella.optim.schedule.sequential import SequentialLR
from lamella.optim.schedule.step import MultiStepLR, StepLR
from lamella.optim.schedule.warmup import Warmup

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "InverseSqrtLR",
    "InverseTimeLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PiecewiseConstantLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "Warmup",
]
