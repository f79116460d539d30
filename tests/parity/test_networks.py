"""State, forward, backward and running statistics of whole networks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lamella import nn  # noqa: E402
from parity.twins import TIGHT, batch, build, error, errors, has_norm, random_spec, run_lamella, run_torch, twins  # noqa: E402

SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_state_dict_has_torchs_keys_shapes_and_order(seed):
    _, _, spec = random_spec(seed)
    ours, theirs = twins(spec, "float32", seed)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert {k: v.shape for k, v in state.items()} == {k: tuple(v.shape) for k, v in expected.items()}
    assert all(np.array_equal(state[k], expected[k].numpy()) for k in state)
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]


def test_a_torch_state_dict_loads_as_it_is():
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    ours.load_state_dict(theirs.state_dict())
    assert all(np.array_equal(v, theirs.state_dict()[k].numpy()) for k, v in ours.state_dict().items())


def test_our_state_dict_loads_into_torch():
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2), seed=3)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    ).eval()
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    assert error(ours.eval()(x), theirs(torch.from_numpy(x)).detach().numpy()) < 1e-6


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("seed", SEEDS)
def test_float64_agrees_to_rounding(seed, training):
    width, outputs, spec = random_spec(seed)
    ours, theirs = twins(spec, "float64", seed)
    ours.train(training)
    theirs.train(training)
    for n in (1, 2, 3, 8, 17, 32, 64, 65):
        if n == 1 and training and has_norm(spec):
            continue  # both refuse it
        x, dy = batch(width, outputs, n, "float64", 100 * seed + n)
        expected = run_torch(theirs, x, dy)
        found = errors(run_lamella(ours, x, dy), expected)
        assert max(found.values()) < TIGHT, (n, found)


@pytest.mark.parametrize("seed", SEEDS)
def test_float32_is_as_accurate_as_torchs(seed):
    width, outputs, spec = random_spec(seed)
    ours, theirs = twins(spec, "float32", seed)
    exact = build(torch.nn, spec).double()
    exact.load_state_dict(theirs.state_dict())
    for n in (5, 33, 65):
        x, dy = batch(width, outputs, n, "float32", 100 * seed + n)
        truth = run_torch(exact, x.astype(np.float64), dy.astype(np.float64))
        single, got = errors(run_torch(theirs, x, dy), truth), errors(run_lamella(ours, x, dy), truth)
        for key in truth:
            # Eight times: the errors are a few random roundings each, and either library may be the luckier one.
            # 2e-6 (16 units in the last place) for arrays so small that torch happened to round them exactly.
            assert got[key] <= 8 * single[key] + 2e-6, (n, key)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, None])
def test_running_statistics_over_batches_of_different_sizes(momentum, dtype):
    spec = [("BatchNorm1d", {"num_features": 7, "momentum": momentum, "eps": 1e-3})]
    ours, theirs = twins(spec, dtype)
    for n in (2, 5, 64, 33, 3):
        x, dy = batch(7, 7, n, dtype, n)
        x = 3 * x + 5
        expected, got = run_torch(theirs, x, dy), run_lamella(ours, x, dy)
        assert ours.state_dict()["0.num_batches_tracked"] == theirs.state_dict()["0.num_batches_tracked"]
        for key in ("0.running_mean", "0.running_var"):
            assert error(got[key], expected[key]) < (TIGHT if dtype == "float64" else 2e-6)
    x, dy = batch(7, 7, 4, dtype, 0)
    ours.eval()
    theirs.eval()
    expected, got = run_torch(theirs, x, dy), run_lamella(ours, x, dy)
    assert max(error(got[k], expected[k]) for k in got) < (TIGHT if dtype == "float64" else 5e-6)


def test_a_norm_that_is_frozen_by_itself():
    """``model[1].eval()`` in a model that trains: the usual way to fine-tune."""
    spec = [("Linear", {"in_features": 5, "out_features": 4}), ("BatchNorm1d", {"num_features": 4})]
    ours, theirs = twins(spec, "float64")
    for model in (ours, theirs):
        model.train()
        model[1].eval()
    x, dy = batch(5, 4, 9, "float64", 0)
    found = errors(run_lamella(ours, x, dy), run_torch(theirs, x, dy))
    assert max(found.values()) < TIGHT, found
