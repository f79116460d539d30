"""Why a training does not work, or how well it does: checks, readings, statistics of units, pictures."""

from lamella.diagnosis.bias_variance import Diagnosis, diagnose
from lamella.diagnosis.differences import Element
from lamella.diagnosis.findings import Finding
from lamella.diagnosis.gradient_check import check_gradients
from lamella.diagnosis.gradient_report import ArrayCheck, GradientCheck
from lamella.diagnosis.inspection import inspect
from lamella.diagnosis.overfit import Attempt, OverfitCheck, overfit_check
from lamella.diagnosis.pictures import plot_histograms, plot_units, plot_weights
from lamella.diagnosis.rates import lr_range_test
from lamella.diagnosis.recorder import Recorder
from lamella.diagnosis.records import EpochRecord, Histogram, LayerRecord, ParameterRecord
from lamella.diagnosis.units import UnitStatistics, correlations, unit_statistics
from lamella.diagnosis.watch import Gradients, activations, gradients

__all__ = [
    "ArrayCheck",
    "Attempt",
    "Diagnosis",
    "Element",
    "EpochRecord",
    "Finding",
    "GradientCheck",
    "Gradients",
    "Histogram",
    "LayerRecord",
    "OverfitCheck",
    "ParameterRecord",
    "Recorder",
    "UnitStatistics",
    "activations",
    "check_gradients",
    "correlations",
    "diagnose",
    "gradients",
    "inspect",
    "lr_range_test",
    "overfit_check",
    "plot_histograms",
    "plot_units",
    "plot_weights",
    "unit_statistics",
]
