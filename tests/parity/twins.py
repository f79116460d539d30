"""A network from either library, with the same weights; and how their results are compared.

Both libraries have the same names, so one function builds a network from either ``nn``. Errors are measured against
the largest magnitude in the array that is compared: a single cell near zero says nothing about rounding.

Float64 must agree to 1e-9: products of a hundred terms, five layers deep and divided by the deviation of a small
batch, lose a few digits of 1e-16, whereas another formula (an unbiased variance, a forgotten correction) shows in the
first five. Float32 is judged by float64: its error must be of the size of PyTorch's own float32 error.
"""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lamella import nn  # noqa: E402

torch.set_num_threads(1)  # two OpenMP runtimes in one process slow each other down

WIDTHS = (1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 33, 64, 65, 100)
ACTIVATIONS = (
    *("ReLU", "Tanh", "Sigmoid", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Softplus", "Mish"),
    *("Hardtanh", "ReLU6", "Softsign", "LogSigmoid", "Identity", "PReLU"),
)
ROW_NORMS = ("LayerNorm", "RMSNorm")
TIGHT = 1e-9


def build(ns, spec):
    """The described network from ``lamella.nn`` or ``torch.nn``."""
    return ns.Sequential(
        *[build(ns, item) if isinstance(item, list) else getattr(ns, item[0])(**item[1]) for item in spec]
    )


def random_spec(seed):
    """(in, out, description): one to five blocks of Linear, perhaps a norm, and an activation; perhaps nested."""
    rng = np.random.default_rng(seed)
    widths = [int(w) for w in rng.choice(WIDTHS, size=rng.integers(2, 7))]
    blocks = []
    for before, after in itertools.pairwise(widths):
        block = [("Linear", {"in_features": before, "out_features": after, "bias": bool(rng.integers(2))})]
        if rng.integers(2):
            momentum = (0.1, 0.3, None)[rng.integers(3)]
            block.append(
                ("BatchNorm1d", {"num_features": after, "momentum": momentum, "affine": bool(rng.integers(4))})
            )
        elif after > 4 and rng.integers(2):  # the rows' own deviation; of so few columns it may be next to nothing
            block.append((ROW_NORMS[rng.integers(2)], {"normalized_shape": after, "eps": 1e-3}))
        if rng.integers(5):
            choice = rng.integers(len(ACTIVATIONS) + 1)
            slopes = after if rng.integers(2) else 1
            block.append(
                ("PReLU", {"num_parameters": slopes}) if choice == len(ACTIVATIONS) else (ACTIVATIONS[choice], {})
            )
        blocks.append(block)
    if rng.integers(2):  # every block a Sequential of its own, the last two one level deeper
        spec = [*blocks[:-2], blocks[-2:]] if len(blocks) > 2 else blocks
    else:
        spec = [layer for block in blocks for layer in block]
    return widths[0], widths[-1], spec


def twins(spec, dtype, seed=0):
    """A torch model and a lamella model with its weights; norms get weights other than one and zero."""
    torch.manual_seed(seed)
    theirs = build(torch.nn, spec).to(getattr(torch, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5)
    ours = nn.Sequential(*build(nn, spec).layers, dtype=dtype)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def error(got, expected, scale=0.0):
    """Largest difference, relative to the largest magnitude expected (or to ``scale`` if that is larger)."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    assert got.shape == expected.shape
    return float(np.abs(got - expected).max() / max(np.abs(expected).max(), scale, 1e-300))


def errors(got, expected):
    """Error of each array; what belongs to one layer shares a scale.

    That is for a bias before batch normalization, whose gradient is zero in exact arithmetic, and for a running mean of
    what is zero on average: both libraries have some rounding there, of the size of what was summed.
    """
    assert set(got) == set(expected)
    scales = {}
    for key, array in expected.items():
        layer = key.rpartition(".")[0]
        if layer:
            scales[layer] = max(scales.get(layer, 0.0), float(np.abs(array).max()))
    return {key: error(got[key], array, scales.get(key.rpartition(".")[0], 0.0)) for key, array in expected.items()}


def run_torch(model, x, dy):
    """Output, input gradient, parameter gradients and state after a forward and a backward."""
    tensor = torch.from_numpy(x).requires_grad_()
    model.zero_grad()
    y = model(tensor)
    y.backward(torch.from_numpy(dy))
    gradients = {f"grad of {k}": p.grad.numpy().copy() for k, p in model.named_parameters()}
    state = {k: v.numpy().copy() for k, v in model.state_dict().items() if "num_batches" not in k}
    return {"y": y.detach().numpy(), "dx": tensor.grad.numpy(), **gradients, **state}


def run_lamella(model, x, dy):
    model.zero_grad()
    y = model(x)
    dx = model.backward(dy)
    gradients = {f"grad of {k}": p.grad.copy() for k, p in model.named_parameters()}
    state = {k: v for k, v in model.state_dict().items() if "num_batches" not in k}
    return {"y": y, "dx": dx, **gradients, **state}


def batch(width, outputs, n, dtype, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, width)).astype(dtype), rng.standard_normal((n, outputs)).astype(dtype)


def has_norm(spec):
    return any(has_norm(item) if isinstance(item, list) else item[0] == "BatchNorm1d" for item in spec)
