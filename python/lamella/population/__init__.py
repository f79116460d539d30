"""Many models trained in one call."""

from lamella.population.cross_validation import CrossValidation, cross_validate
from lamella.population.ensemble import Ensemble
from lamella.population.history import PopulationHistory
from lamella.population.out_of_bag import OutOfBag
from lamella.population.population import Population

__all__ = ["CrossValidation", "Ensemble", "OutOfBag", "Population", "PopulationHistory", "cross_validate"]
