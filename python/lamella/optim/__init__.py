"""Optimizers, each a fused native update over the flat arena; clipping; averages of weights; schedules."""

from lamella.optim import lr_scheduler
from lamella.optim.adadelta import Adadelta
from lamella.optim.adafactor import Adafactor
from lamella.optim.adagrad import Adagrad
from lamella.optim.adam import Adam, AdamW
from lamella.optim.adamax import Adamax
from lamella.optim.average import WeightAverage
from lamella.optim.clip import clip_grad_norm_, clip_grad_value_
from lamella.optim.lamb import LAMB
from lamella.optim.lion import Lion
from lamella.optim.muon import Muon
from lamella.optim.nadam import NAdam
from lamella.optim.optimizer import Optimizer
from lamella.optim.radam import RAdam
from lamella.optim.rmsprop import RMSprop
from lamella.optim.schedule import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    InverseSqrtLR,
    InverseTimeLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PiecewiseConstantLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    Warmup,
)
from lamella.optim.schedule_free import ScheduleFreeAdamW
from lamella.optim.sgd import SGD

__all__ = [
    "LAMB",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
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
    "Lion",
    "MultiStepLR",
    "MultiplicativeLR",
    "Muon",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "PiecewiseConstantLR",
    "PolynomialLR",
    "RAdam",
    "RMSprop",
    "ReduceLROnPlateau",
    "ScheduleFreeAdamW",
    "SequentialLR",
    "StepLR",
    "Warmup",
    "WeightAverage",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]
