"""Search for good settings, by many models trained side by side."""

from lamella.tuning.halving import Halving
from lamella.tuning.result import SearchResult
from lamella.tuning.search import SearchInterrupted, search
from lamella.tuning.trial import Trial

__all__ = ["Halving", "SearchInterrupted", "SearchResult", "Trial", "search"]
