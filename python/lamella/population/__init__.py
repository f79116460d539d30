"""Many models trained in one call."""

from lamella.population.cross_validation import CrossValidation, cross_validate
from lamella.population.history import PopulationHistory
from lamella.population.out_of_bag import OutOfBag
from lamella.population.population import Population

__all__ = ["CrossValidation", "OutOfBag", "Population", "PopulationHistory", "cross_validate"]
