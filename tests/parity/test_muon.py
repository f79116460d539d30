"""Muon beside torch's, whose iteration is in bfloat16: loosely, and exactly where that is taken out."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lamella import optim  # noqa: E402
from parity.twins import error, twins  # noqa: E402

SPEC = [
    ("Linear", {"in_features": 7, "out_features": 33}),
    ("Tanh", {}),
    ("Linear", {"in_features": 33, "out_features": 12}),
    ("Tanh", {}),
    ("Linear", {"in_features": 12, "out_features": 12}),
    ("Tanh", {}),
    ("Linear", {"in_features": 12, "out_features": 3}),
]
OPTIONS = [
    {},
    {"nesterov": False, "momentum": 0.8},
    {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
    {"adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.3},
]


def train(options, exact, monkeypatch, steps):
    ours, theirs = twins(SPEC, "float64")
    matrices = [p for p in theirs.parameters() if p.ndim == 2]
    vectors = [p for p in theirs.parameters() if p.ndim == 1]
    if exact:
        monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    mine = optim.Muon(ours.parameters(), lr=0.02, **options)
    others = torch.optim.Muon(matrices, lr=0.02, **options), torch.optim.AdamW(vectors, lr=0.02, weight_decay=0)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            p.grad[...] = rng.standard_normal(p.shape)
            q.grad = torch.from_numpy(p.grad.copy())
        mine.step()
        for other in others:
            other.step()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    return max(error(p.data, q.detach().numpy()) for p, q in pairs), mine, others[0]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_exactly_without_bfloat16(options, monkeypatch):
    difference, mine, muon = train(options, True, monkeypatch, 100)
    assert difference < 1e-9  # the iteration grows rounding errors, by its slope at zero each time
    state = mine.state_dict()["state"]
    saved = [entry["momentum_buffer"] for entry in state.values() if "momentum_buffer" in entry]
    for got, want in zip(saved, muon.state_dict()["state"].values(), strict=True):
        assert error(got, want["momentum_buffer"].numpy()) < 1e-12


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_loosely_as_it_is(options, monkeypatch):
    difference, *_ = train(options, False, monkeypatch, 10)
    assert difference < 0.05  # bfloat16 has eight bits; ten steps of up to 0.05 each
