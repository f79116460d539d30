"""A whole training step, or a whole training, in one native call."""

from lamella.trainer.history import DivergenceError, History
from lamella.trainer.trainer import Trainer

__all__ = ["DivergenceError", "History", "Trainer"]
