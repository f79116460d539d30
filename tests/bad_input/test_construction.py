"""Layers, losses and models that cannot be are refused when they are made."""

import numpy as np
import pytest

from lamella import nn

CONSTRUCTIONS = {
    "widths": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(9, 3)),
        ValueError,
        r"\[Sequential\] layer 2 \(Linear\(in_features=9.* expects 9 features but layer 1 \(ReLU\) gives 8",
    ),
    "widths of a norm": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(7)),
        ValueError,
        r"layer 1 .* expects 7 features but layer 0 \(Linear\) gives 8",
    ),
    "widths across nesting": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(6, 8)), nn.Sequential(nn.Tanh(), nn.Linear(9, 3))),
        ValueError,
        r"expects 9 features but layer 0 \(Sequential\) gives 8",
    ),
    "a class": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU),
        TypeError,
        r"layer 1 is the class ReLU; make an instance",
    ),
    "a function": (lambda: nn.Sequential(np.tanh), TypeError, r"layer 0 is <ufunc 'tanh'> but must be a layer"),
    "a name": (lambda: nn.Sequential("relu"), TypeError, r"layer 0 is 'relu' but must be a layer"),
    "nothing": (lambda: nn.Sequential(nn.Linear(6, 8), None), TypeError, r"layer 1 is None but must be a layer"),
    "a list": (
        lambda: nn.Sequential([nn.ReLU()]),
        TypeError,
        r"layers are arguments, not a list: Sequential\(\*layers\)",
    ),
    "a layer twice": (
        lambda: nn.Sequential(*[nn.Linear(6, 6)] * 2),
        ValueError,
        r"layer 1 is the same object as layer 0",
    ),
    "a dropout twice": (
        lambda: nn.Sequential(*[nn.Dropout()] * 2),
        ValueError,
        r"layer 1 is the same object as layer 0",
    ),
    "a layer twice, nested": (
        lambda: (lambda one: nn.Sequential(nn.Sequential(one), nn.ReLU(), nn.Sequential(one)))(nn.Linear(6, 6)),
        ValueError,
        r"layer 2.0 is the same object as layer 0.0",
    ),
    "seed negative": (lambda: nn.Sequential(seed=-1), ValueError, r"\[Sequential\] seed is -1 but must be at least 0"),
    "seed too large": (
        lambda: nn.Sequential(seed=2**64),
        ValueError,
        r"seed is 18446744073709551616 but must be below",
    ),
    "seed a fraction": (lambda: nn.Sequential(seed=1.5), TypeError, r"seed is 1.5 but must be an integer"),
    "seed a bool": (lambda: nn.Sequential(seed=True), TypeError, r"seed is True but must be an integer"),
    "dtype": (lambda: nn.Sequential(dtype="float16"), ValueError, r"dtype is 'float16' but must be \"float32\" or"),
    "dtype a type": (lambda: nn.Sequential(dtype=int), ValueError, r"dtype is <class 'int'> but must be"),
    "no inputs": (lambda: nn.Linear(0, 3), ValueError, r"\[Linear\] in_features is 0 but must be at least 1"),
    "no outputs": (lambda: nn.Linear(3, -2), ValueError, r"\[Linear\] out_features is -2 but must be at least 1"),
    "half an input": (lambda: nn.Linear(2.5, 3), TypeError, r"in_features is 2.5 but must be an integer"),
    "inputs as text": (lambda: nn.Linear("6", 3), TypeError, r"in_features is '6' but must be an integer"),
    "inputs a bool": (lambda: nn.Linear(True, 3), TypeError, r"in_features is True but must be an integer"),
    "inputs an array": (lambda: nn.Linear(np.array([6]), 3), TypeError, r"in_features is array\(\[6\]\) but must be"),
    "bias a number": (lambda: nn.Linear(3, 3, bias=1), TypeError, r"bias is 1 but must be True or False"),
    "init": (lambda: nn.Linear(3, 3, init="xavier"), ValueError, r"init is 'xavier' but must be one of he_normal, "),
    "init a class": (
        lambda: nn.Linear(3, 3, init=nn.init.Normal),
        TypeError,
        r"init is <class .*Normal'> but must be one of .*; or an object such as nn.init.Normal\(std=0.01\)",
    ),
    "init of another shape": (
        lambda: nn.Linear(3, 4, init=lambda rng, shape: np.zeros(3)).parameters(),
        ValueError,
        r"\[Linear\] init returned shape \(3,\) but \(4, 3\) is expected",
    ),
    "init of no numbers": (
        lambda: nn.Linear(3, 4, init=lambda rng, shape: "zeros").parameters(),
        TypeError,
        r"\[Linear\] what init returned has dtype <U5 but numbers",
    ),
    "init a list": (lambda: nn.Linear(3, 3, init=["zeros"]), (TypeError, ValueError), r"init is .* but must be one of"),
    "a constant": (lambda: nn.init.Constant("a"), TypeError, r"\[Constant\] val is 'a' but must be a number"),
    "a constant NaN": (lambda: nn.init.Constant(np.nan), ValueError, r"\[Constant\] val is nan but must be finite"),
    "a deviation": (lambda: nn.init.Normal(std=-1), ValueError, r"\[Normal\] std is -1 but must be at least 0"),
    "an interval": (lambda: nn.init.Uniform(2, 1), ValueError, r"\[Uniform\] a is 2.0 but must be at most b, 1.0"),
    "a cut deviation": (
        lambda: nn.init.TruncatedNormal(std=0),
        ValueError,
        r"\[TruncatedNormal\] std is 0.0 but must be above 0",
    ),
    "a tail": (
        lambda: nn.init.TruncatedNormal(a=5, b=6),
        ValueError,
        r"\[TruncatedNormal\] a, b are 5.0, 6.0 but must have at least 1% of the normal distribution of mean 0 and",
    ),
    "a gain": (lambda: nn.init.Orthogonal(None), TypeError, r"\[Orthogonal\] gain is None but must be a number"),
    "no inputs a unit": (lambda: nn.init.Sparse(0), ValueError, r"\[Sparse\] inputs is 0 but must be at least 1"),
    "a share of inputs": (lambda: nn.init.Sparse(1.5), ValueError, r"\[Sparse\] inputs is 1.5 but must be in \[0, 1\]"),
    "no share of inputs": (lambda: nn.init.Sparse(0.0), ValueError, r"inputs is 0.0 but must be above 0"),
    "negative slope": (
        lambda: nn.LeakyReLU(-0.1),
        ValueError,
        r"\[LeakyReLU\] negative_slope is -0.1 but must be at least 0",
    ),
    "negative slope set later": (
        lambda: setattr(nn.LeakyReLU(), "negative_slope", "a"),
        TypeError,
        r"\[LeakyReLU\] negative_slope is 'a' but must be a number",
    ),
    "alpha": (lambda: nn.ELU(-1), ValueError, r"\[ELU\] alpha is -1 but must be at least 0"),
    "alpha of CELU": (lambda: nn.CELU(0), ValueError, r"\[CELU\] alpha is 0 but must be above 0"),
    "beta": (lambda: nn.Softplus(beta=0), ValueError, r"\[Softplus\] beta is 0 but must be above 0"),
    "threshold": (lambda: nn.Softplus(threshold=np.inf), ValueError, r"\[Softplus\] threshold is inf but must be"),
    "approximate": (lambda: nn.GELU("erf"), ValueError, r"\[GELU\] approximate is 'erf' but must be \"none\" or"),
    "an empty range": (
        lambda: nn.Hardtanh(2, 2),
        ValueError,
        r"\[Hardtanh\] max_val is 2 but must be above min_val, 2",
    ),
    "an empty range set later": (
        lambda: setattr(nn.Hardtanh(), "min_val", 1.5),
        ValueError,
        r"\[Hardtanh\] min_val is 1.5 but must be below max_val, 1",
    ),
    "a norm of nothing": (lambda: nn.BatchNorm1d(0), ValueError, r"\[BatchNorm1d\] num_features is 0 but must be at"),
    "eps": (lambda: nn.BatchNorm1d(3, eps=-1e-5), ValueError, r"eps is -1e-05 but must be at least 0"),
    "eps NaN": (lambda: nn.BatchNorm1d(3, eps=float("nan")), ValueError, r"eps is nan but must be at least 0"),
    "momentum": (lambda: nn.BatchNorm1d(3, momentum=1.5), ValueError, r"momentum is 1.5 but must be in \[0, 1\]"),
    "affine": (lambda: nn.BatchNorm1d(3, affine=None), TypeError, r"affine is None but must be True or False"),
    "a norm of rows of nothing": (
        lambda: nn.LayerNorm(0),
        ValueError,
        r"\[LayerNorm\] normalized_shape is 0 but must be",
    ),
    "a norm of images": (
        lambda: nn.LayerNorm((3, 4)),
        TypeError,
        r"\[LayerNorm\] normalized_shape is \(3, 4\) but must be an integer",
    ),
    "eps of rows": (lambda: nn.LayerNorm(3, eps=-1), ValueError, r"\[LayerNorm\] eps is -1 but must be at least 0"),
    "eps of rows None": (
        lambda: nn.LayerNorm(3, eps=None),
        TypeError,
        r"\[LayerNorm\] eps is None but must be a number",
    ),
    "affine rows": (
        lambda: nn.RMSNorm(3, elementwise_affine=1),
        TypeError,
        r"\[RMSNorm\] elementwise_affine is 1 but must be True or False",
    ),
    "beta of rows": (lambda: nn.LayerNorm(3, bias="no"), TypeError, r"\[LayerNorm\] bias is 'no' but must be True or"),
    "eps of squares": (lambda: nn.RMSNorm(3, eps=-1e-9), ValueError, r"\[RMSNorm\] eps is -1e-09 but must be at least"),
    "widths of a norm of rows": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(7)),
        ValueError,
        r"layer 1 .* expects 7 features but layer 0 \(Linear\) gives 8",
    ),
    "no slopes": (lambda: nn.PReLU(0), ValueError, r"\[PReLU\] num_parameters is 0 but must be at least 1"),
    "a first slope": (lambda: nn.PReLU(init="a"), TypeError, r"\[PReLU\] init is 'a' but must be a number"),
    "widths of slopes": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.PReLU(7)),
        ValueError,
        r"layer 1 .* expects 7 features but layer 0 \(Linear\) gives 8",
    ),
    "a softmax over rows": (lambda: nn.Softmax(dim=0), ValueError, r"\[Softmax\] dim is 0 but must be 1 or -1"),
    "a softmax of a flag": (lambda: nn.LogSoftmax(dim=True), ValueError, r"\[LogSoftmax\] dim is True but must be"),
    "one piece": (lambda: nn.Maxout(3, 4, pieces=1), ValueError, r"\[Maxout\] pieces is 1 but must be at least 2"),
    "pieces without inputs": (
        lambda: nn.Maxout(0, 4),
        ValueError,
        r"\[Maxout\] in_features is 0 but must be at least 1",
    ),
    "init of pieces": (lambda: nn.Maxout(3, 4, init="he"), ValueError, r"\[Maxout\] init is 'he' but must be one of"),
    "init of pieces of another shape": (
        lambda: nn.Maxout(3, 4, init=lambda rng, shape: np.zeros((8, 3))).parameters(),
        ValueError,
        r"\[Maxout\] init returned shape \(8, 3\) but \(4, 3\) is expected",
    ),
    "p above one": (lambda: nn.Dropout(1.5), ValueError, r"\[Dropout\] p is 1.5 but must be in \[0, 1\]"),
    "p negative": (lambda: nn.Dropout(-0.1), ValueError, r"p is -0.1 but must be in \[0, 1\]"),
    "p NaN": (lambda: nn.Dropout(np.nan), ValueError, r"p is nan but must be in \[0, 1\]"),
    "p text": (lambda: nn.Dropout("half"), TypeError, r"p is 'half' but must be a number"),
    "p set later": (lambda: setattr(nn.Dropout(), "p", 2), ValueError, r"\[Dropout\] p is 2 but must be in \[0, 1\]"),
    "reduction": (lambda: nn.MSELoss("all"), ValueError, r"\[MSELoss\] reduction is 'all' but must be .*\"sum\""),
    "reduction None": (lambda: nn.CrossEntropyLoss(reduction=None), ValueError, r"reduction is None but must be"),
    "an inner dtype": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(6, 3), dtype="float64"), dtype="float32").parameters(),
        ValueError,
        r"layer 0 has dtype float64 but the model's is float32",
    ),
    "a parameter of an unused model": (
        lambda: nn.Linear(6, 3).weight.data,
        RuntimeError,
        r"\[Parameter\] .*parameters\(\)",  # what gives it values
    ),
}


@pytest.mark.parametrize("case", CONSTRUCTIONS)
def test_constructions(case):
    make, kind, message = CONSTRUCTIONS[case]
    with pytest.raises(kind, match=message) as caught:
        make()
    assert str(caught.value).startswith("[")


def test_activations_take_no_settings_that_they_have_not():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'inplace'"):
        nn.ReLU(inplace=True)
