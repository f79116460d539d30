"""What looks at a training while it goes on."""

from lamella.callbacks.callback import Callback
from lamella.callbacks.early_stopping import EarlyStopping
from lamella.callbacks.run import Run

__all__ = ["Callback", "EarlyStopping", "Run"]
