"""Layers, containers and losses. Names, defaults and semantics are PyTorch's where PyTorch has the thing."""

from lamella.nn.activation import ReLU, Sigmoid, Tanh
from lamella.nn.batchnorm import BatchNorm1d
from lamella.nn.dropout import Dropout
from lamella.nn.linear import Linear
from lamella.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from lamella.nn.module import Module
from lamella.nn.parameter import Parameter
from lamella.nn.python_layer import PythonLayer
from lamella.nn.sequential import Sequential

__all__ = [
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "CrossEntropyLoss",
    "Dropout",
    "Linear",
    "Loss",
    "MSELoss",
    "Module",
    "Parameter",
    "PythonLayer",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
]
