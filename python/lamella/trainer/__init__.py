"""A whole training step, or a whole training, in one native call."""

from lamella.trainer.divergence import CutOnDivergence, DivergenceError
from lamella.trainer.history import History
from lamella.trainer.range_test import LRRangeTest
from lamella.trainer.trainer import Trainer

__all__ = ["CutOnDivergence", "DivergenceError", "History", "LRRangeTest", "Trainer"]
