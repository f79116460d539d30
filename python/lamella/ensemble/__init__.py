"""Models that predict together."""

from lamella.ensemble.ensemble import Ensemble

__all__ = ["Ensemble"]
