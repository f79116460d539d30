"""Layers by themselves against PyTorch's: values, gradients, settings, and what is not finite."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lamella import nn  # noqa: E402
from parity.twins import run_lamella, run_torch, twins  # noqa: E402

#: Name and arguments, for either library.
LAYERS = [
    ("ReLU", {}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.3}),
    ("LeakyReLU", {"negative_slope": 0.0}),
    ("ELU", {}),
    ("ELU", {"alpha": 0.4}),
    ("ELU", {"alpha": 0.0}),
    ("SELU", {}),
    ("CELU", {}),
    ("CELU", {"alpha": 2.5}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("SiLU", {}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 1.0}),
    ("Softplus", {"beta": 0.1, "threshold": -1.0}),
    ("Mish", {}),
    ("Hardswish", {}),
    ("Hardsigmoid", {}),
    ("Hardtanh", {}),
    ("Hardtanh", {"min_val": -2.5, "max_val": 0.5}),
    ("ReLU6", {}),
    ("Tanh", {}),
    ("Sigmoid", {}),
    ("LogSigmoid", {}),
    ("Softsign", {}),
    ("Identity", {}),
    ("PReLU", {}),
    ("PReLU", {"num_parameters": 17, "init": 0.1}),
    ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": -1}),
    ("LayerNorm", {"normalized_shape": 17}),
    ("LayerNorm", {"normalized_shape": (17,), "eps": 0.1, "bias": False}),
    ("LayerNorm", {"normalized_shape": 17, "elementwise_affine": False}),
    ("RMSNorm", {"normalized_shape": 17}),
    ("RMSNorm", {"normalized_shape": 17, "eps": 0.1, "elementwise_affine": False}),
]
IDS = [f"{name}-{'-'.join(map(str, arguments.values()))}" for name, arguments in LAYERS]

#: PyTorch computes these gradients with 1/6 and 1/3 in single precision, whatever the dtype.
SINGLE = {"Hardswish", "Hardsigmoid"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), LAYERS, ids=IDS)
def test_values_and_gradients(name, arguments, dtype):
    ours, theirs = twins([(name, arguments)], dtype)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    rng = np.random.default_rng(1)
    for n in (1, 5, 33):
        x, dy = (4 * rng.standard_normal((n, 17))).astype(dtype), rng.standard_normal((n, 17)).astype(dtype)
        expected, got = run_torch(theirs, x, dy), run_lamella(ours, x, dy)
        tolerance = 2e-5 if dtype == "float32" else 1e-7 if name in SINGLE else 1e-12
        for key in expected:
            np.testing.assert_allclose(got[key], expected[key], rtol=tolerance, atol=tolerance, err_msg=key)


#: Gradients at the kinks, and where something overflows in one of the libraries only, are compared elsewhere.
@pytest.mark.parametrize(("name", "arguments"), LAYERS, ids=IDS)
def test_values_at_the_ends(name, arguments):
    ours, theirs = twins([(name, arguments)], "float32")
    base = np.random.default_rng(2).standard_normal((9, 17)).astype(np.float32)
    for column, value in enumerate((0, -0.0, 1e-30, 1e4, -1e4, np.inf, -np.inf, np.nan)):
        base[column, 2 * column] = value
    expected, got = theirs(torch.from_numpy(base)).detach().numpy(), ours(base)
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)  # NaN equals NaN here


@pytest.mark.parametrize(("name", "arguments"), LAYERS, ids=IDS)
def test_gradients_of_what_is_not_a_number(name, arguments):
    ours, theirs = twins([(name, arguments)], "float64")
    x = np.random.default_rng(3).standard_normal((6, 17))
    x[2, 3] = np.nan
    dy = np.ones((6, 17))
    expected, got = run_torch(theirs, x, dy), run_lamella(ours, x, dy)
    if name in ("ReLU", "Hardsigmoid"):  # PyTorch lets the gradient of a NaN pass here or not; ours is 0
        for result in (expected, got):
            result["dx"][2, 3] = 0
    for key in expected:
        np.testing.assert_allclose(got[key], expected[key], rtol=1e-7, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "SELU", "CELU", "Hardtanh", "ReLU6"])
def test_gradients_at_kinks(name):
    ours, theirs = twins([(name, {})], "float64")
    x = np.array([[0.0, -0.0, 1, -1, 6, 0, 2]])
    expected, got = run_torch(theirs, x, np.ones_like(x)), run_lamella(ours, x, np.ones_like(x))
    np.testing.assert_allclose(got["dx"], expected["dx"], rtol=1e-14)


def test_defaults_are_torchs():
    for name, arguments in LAYERS:
        if arguments and name not in ("PReLU", "LayerNorm", "RMSNorm"):
            continue
        required = {"normalized_shape": 17} if name.endswith("Norm") else {}
        ours, theirs = getattr(nn, name)(**required), getattr(torch.nn, name)(**required)
        for key, value in ours.config().items():
            if key in ("normalized_shape", "init"):
                continue
            assert getattr(theirs, key) == value, (name, key)
