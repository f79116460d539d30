"""Why a training does not work, or how well it does: checks, readings, statistics of units, pictures."""

from lamella.diagnosis.differences import Element
from lamella.diagnosis.gradient_check import check_gradients
from lamella.diagnosis.gradient_report import ArrayCheck, GradientCheck
from lamella.diagnosis.records import EpochRecord, Histogram, LayerRecord, ParameterRecord
from lamella.diagnosis.watch import Gradients, activations, gradients

__all__ = [
    "ArrayCheck",
    "Element",
    "EpochRecord",
    "GradientCheck",
    "Gradients",
    "Histogram",
    "LayerRecord",
    "ParameterRecord",
    "activations",
    "check_gradients",
    "gradients",
]
