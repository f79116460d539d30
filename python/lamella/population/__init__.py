"""Many models trained in one call."""

from lamella.population.history import PopulationHistory
from lamella.population.population import Population

__all__ = ["Population", "PopulationHistory"]
