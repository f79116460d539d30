"""Layers, containers and losses. Names, defaults and semantics are PyTorch's where PyTorch has the thing."""

from lamella.nn.activation import ReLU, Sigmoid, Tanh
from lamella.nn.batchnorm import BatchNorm1d
from lamella.nn.concat import Concat
from lamella.nn.dropout import Dropout
from lamella.nn.embedding import Embedding
from lamella.nn.linear import Linear
from lamella.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from lamella.nn.module import Module
from lamella.nn.noise import GaussianDropout, GaussianNoise
from lamella.nn.parameter import Parameter
from lamella.nn.python_layer import PythonLayer
from lamella.nn.sequential import Residual, Sequential
from lamella.nn.sparsity import Sparsity
from lamella.nn.statistics import exact_batchnorm_statistics
from lamella.nn.tied import Tied

__all__ = [
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "Concat",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "GaussianDropout",
    "GaussianNoise",
    "Linear",
    "Loss",
    "MSELoss",
    "Module",
    "Parameter",
    "PythonLayer",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Sparsity",
    "Tanh",
    "Tied",
    "exact_batchnorm_statistics",
]
