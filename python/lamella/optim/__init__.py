"""Optimizers: each a fused native update over the flat arena of parameters."""

from lamella.optim.adam import Adam
from lamella.optim.optimizer import Optimizer
from lamella.optim.rmsprop import RMSprop
from lamella.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop"]
