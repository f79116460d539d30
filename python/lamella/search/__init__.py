"""Search for good settings, by many models trained side by side."""

from lamella.search.halving import Halving
from lamella.search.result import SearchResult
from lamella.search.search import SearchInterrupted, search
from lamella.search.trial import Trial

__all__ = ["Halving", "SearchInterrupted", "SearchResult", "Trial", "search"]
