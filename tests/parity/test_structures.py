"""Residual, Concat, Tied and Embedding beside small torch modules that do the same."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lamella import nn  # noqa: E402
from parity.twins import TIGHT, errors, run_lamella, run_torch  # noqa: E402


class Residual(torch.nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Concat(torch.nn.ModuleList):
    def __init__(self, *branches):
        super().__init__(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self], dim=1)


class Tied(torch.nn.Module):
    def __init__(self, layer, bias=True):
        super().__init__()
        self.weight_of = (layer,)  # in a tuple, so that it is no child
        self.bias = torch.nn.Parameter(torch.zeros(layer.in_features)) if bias else None

    def forward(self, x):
        return torch.nn.functional.linear(x, self.weight_of[0].weight.t(), self.bias)


class Columns(torch.nn.Module):
    """nn.Embedding for columns of a table."""

    def __init__(self, counts, widths, columns, in_features):
        super().__init__()
        self.columns, self.rest = columns, [c for c in range(in_features) if c not in columns]
        for column, count, width in zip(columns, counts, widths, strict=True):
            setattr(self, f"weight_{column}", torch.nn.Parameter(torch.randn(count, width)))

    def forward(self, x):
        vectors = [getattr(self, f"weight_{c}")[x[:, c].detach().long()] for c in self.columns]
        return torch.cat([x[:, self.rest], *vectors], dim=1)


def residual(ns, own):
    block = own.Residual(ns.Linear(7, 16), ns.BatchNorm1d(16), ns.ReLU(), ns.Linear(16, 7))
    return [ns.Linear(5, 7), block, own.Residual(ns.Tanh(), own.Residual(ns.Linear(7, 7))), ns.Linear(7, 3)]


def concat(ns, own):
    wide = own.Concat(ns.Sequential(ns.Linear(5, 8), ns.Tanh()), ns.Sequential(), own.Residual(ns.Linear(5, 5)))
    return [wide, ns.BatchNorm1d(18), own.Concat(ns.Linear(18, 1), ns.Linear(18, 2))]


def tied(ns, own):
    first, second = ns.Linear(5, 9), ns.Linear(9, 4, bias=False)
    layers = [first, ns.Sigmoid(), second, ns.Tanh(), own.Tied(second), ns.Sigmoid(), own.Tied(first, bias=False)]
    return [*layers, ns.Linear(5, 3)]


def embedding(ns, own):
    columns = own.Columns([6, 3], [4, 1], [1, 4], 5)
    return [columns, ns.Linear(8, 7), ns.Tanh(), ns.Linear(7, 3)]


class Ours:
    Residual, Concat, Tied = nn.Residual, nn.Concat, nn.Tied

    @staticmethod
    def Columns(counts, widths, columns, in_features):  # noqa: N802 - a class in torch's place
        return nn.Embedding(counts, widths, columns=columns, in_features=in_features)


class Theirs:
    Residual, Concat, Tied, Columns = Residual, Concat, Tied, Columns


def twins(make, dtype):
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(*make(torch.nn, Theirs)).to(getattr(torch, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5)
    ours = nn.Sequential(*make(nn, Ours), dtype=dtype)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


def batch(make, n, dtype, seed):
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((n, 5)).astype(dtype), rng.standard_normal((n, 3)).astype(dtype)
    if make is embedding:
        x[:, 1], x[:, 4] = rng.integers(6, size=n), rng.integers(3, size=n)
    return x, dy


MAKERS = [residual, concat, tied, embedding]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("make", MAKERS)
def test_float64_agrees_to_rounding(make, training):
    ours, theirs = twins(make, "float64")
    ours.train(training)
    theirs.train(training)
    for n in (2, 3, 8, 33, 64):
        x, dy = batch(make, n, "float64", n)
        found = errors(run_lamella(ours, x, dy), run_torch(theirs, x, dy))
        assert max(found.values()) < TIGHT, (n, found)


@pytest.mark.parametrize("make", MAKERS)
def test_float32_is_as_accurate_as_torchs(make):
    ours, theirs = twins(make, "float32")
    exact = torch.nn.Sequential(*make(torch.nn, Theirs)).double()
    exact.load_state_dict(theirs.state_dict())
    for n in (5, 33, 65):
        x, dy = batch(make, n, "float32", n)
        truth = run_torch(exact, x.astype(np.float64), dy.astype(np.float64))
        single, got = errors(run_torch(theirs, x, dy), truth), errors(run_lamella(ours, x, dy), truth)
        for key in truth:
            # As in test_networks: errors are a few random roundings each, and either library may be the luckier one.
            assert got[key] <= 8 * single[key] + 2e-6, (n, key)


@pytest.mark.parametrize("make", MAKERS)
def test_names_shapes_and_order_are_torchs(make):
    ours, theirs = twins(make, "float32")
    expected = {key: tuple(value.shape) for key, value in theirs.state_dict().items()}
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == list(expected.items())


def test_a_single_column_is_torchs_embedding():
    theirs, ours = torch.nn.Embedding(7, 3).double(), nn.Sequential(nn.Embedding(7, 3), dtype="float64")
    ours.load_state_dict({f"0.{key}": value for key, value in theirs.state_dict().items()})
    x, dy = np.random.default_rng(0).integers(7, size=(20, 1)), np.random.default_rng(1).standard_normal((20, 3))
    y = theirs(torch.from_numpy(x[:, 0]))
    y.backward(torch.from_numpy(dy))
    np.testing.assert_array_equal(ours(x), y.detach().numpy())
    ours.zero_grad()
    ours.backward(dy)
    np.testing.assert_allclose(ours[0].weight.grad, theirs.weight.grad.numpy(), rtol=1e-12)
