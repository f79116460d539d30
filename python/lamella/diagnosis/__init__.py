"""Why a training does not work, or how well it does: checks, readings, statistics of units, pictures."""

from lamella.diagnosis.records import EpochRecord, Histogram, LayerRecord, ParameterRecord

__all__ = ["EpochRecord", "Histogram", "LayerRecord", "ParameterRecord"]
