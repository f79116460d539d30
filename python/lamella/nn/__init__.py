"""Layers, containers and losses. Names, defaults and semantics are PyTorch's where PyTorch has the thing."""

from lamella.nn import init
from lamella.nn.activation import Identity
from lamella.nn.batchnorm import BatchNorm1d
from lamella.nn.concat import Concat
from lamella.nn.dropout import Dropout
from lamella.nn.embedding import Embedding
from lamella.nn.layernorm import LayerNorm, RMSNorm
from lamella.nn.linear import Linear
from lamella.nn.loss import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    FocalLoss,
    GaussianNLLLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
    PoissonNLLLoss,
    QuantileLoss,
    SigmoidFocalLoss,
    SmoothL1Loss,
)
from lamella.nn.maxout import Maxout
from lamella.nn.module import Module
from lamella.nn.noise import GaussianDropout, GaussianNoise
from lamella.nn.normalize import Normalize
from lamella.nn.parameter import Parameter
from lamella.nn.prelu import PReLU
from lamella.nn.projection import Projection
from lamella.nn.python_layer import PythonLayer
from lamella.nn.rectifiers import CELU, ELU, GELU, SELU, Hardswish, LeakyReLU, Mish, ReLU, SiLU, Softplus
from lamella.nn.residual import Residual
from lamella.nn.scaler import Unscale
from lamella.nn.scaling import MinMaxScale, RobustScale, Standardize
from lamella.nn.sequential import Sequential
from lamella.nn.sigmoids import Hardsigmoid, Hardtanh, LogSigmoid, ReLU6, Sigmoid, Softsign, Tanh
from lamella.nn.softmax import Hardmax, LogSoftmax, Softmax
from lamella.nn.sparsity import Sparsity
from lamella.nn.statistics import exact_batchnorm_statistics
from lamella.nn.tied import Tied

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "Concat",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "FocalLoss",
    "GaussianDropout",
    "GaussianNLLLoss",
    "GaussianNoise",
    "Hardmax",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeLoss",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Loss",
    "MSELoss",
    "Maxout",
    "MinMaxScale",
    "Mish",
    "Module",
    "MultiMarginLoss",
    "NLLLoss",
    "Normalize",
    "PReLU",
    "Parameter",
    "PoissonNLLLoss",
    "Projection",
    "PythonLayer",
    "QuantileLoss",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Residual",
    "RobustScale",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidFocalLoss",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sparsity",
    "Standardize",
    "Tanh",
    "Tied",
    "Unscale",
    "exact_batchnorm_statistics",
    "init",
]
