"""Gradient clipping beside torch.nn.utils, averages beside torch.optim.swa_utils."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.optim import swa_utils  # noqa: E402

from lamella import optim  # noqa: E402
from parity.twins import TIGHT, error, twins  # noqa: E402

SPEC = [
    ("Linear", {"in_features": 7, "out_features": 13}),
    ("Tanh", {}),
    ("Linear", {"in_features": 13, "out_features": 3}),
]


@pytest.fixture(autouse=True)
def counters_in_double():
    """Torch divides by the number of averages in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def same_gradients(ours, theirs, rng, scale=1.0):
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.grad[...] = scale * rng.standard_normal(mine.shape)
        other.grad = torch.from_numpy(mine.grad.copy())


def largest(ours, theirs, what):
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    return max(error(getattr(p, what), getattr(q, what).detach().numpy()) for p, q in pairs)


@pytest.mark.parametrize("max_norm", [0.1, 5.0, 1e3])
def test_functions(max_norm, dtype):
    ours, theirs = twins(SPEC, dtype.name)
    rng = np.random.default_rng(0)
    same_gradients(ours, theirs, rng)
    norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm).item()
    assert optim.clip_grad_norm_(ours.parameters(), max_norm) == pytest.approx(norm, rel=4 * float(np.finfo(dtype).eps))
    assert largest(ours, theirs, "grad") < 4 * np.finfo(dtype).eps
    optim.clip_grad_value_(ours.parameters(), 0.02)
    torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.02)
    assert largest(ours, theirs, "grad") < 4 * np.finfo(dtype).eps


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite(value):
    ours, theirs = twins(SPEC, "float64")
    same_gradients(ours, theirs, np.random.default_rng(0))
    for model in (ours, theirs):
        next(iter(model.parameters())).grad[0, 0] = value
    with pytest.raises(RuntimeError, match=r"\[clip_grad_norm_\] the norm of the gradients is"):
        optim.clip_grad_norm_(ours.parameters(), 1.0, error_if_nonfinite=True)
    np.testing.assert_equal(
        optim.clip_grad_norm_(ours.parameters(), 1.0),
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0).item(),
    )
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_array_equal(mine.grad, other.grad.numpy())


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adafactor"])
def test_inside_the_update(name):
    """As torch's function and step; the gradient itself stays."""
    ours, theirs = twins(SPEC, "float64")
    mine = getattr(optim, name)(ours.parameters(), lr=0.05, clip_norm=2.0, clip_value=0.3)
    other = getattr(torch.optim, name)(theirs.parameters(), lr=0.05)
    rng = np.random.default_rng(0)
    for step in range(40):
        same_gradients(ours, theirs, rng, scale=0.5 * 1.05**step)
        kept = [p.grad.copy() for p in ours.parameters()]
        norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 2.0).item()
        torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.3)
        mine.step()
        other.step()
        assert mine.grad_norm == pytest.approx(norm)
        for p, grad in zip(ours.parameters(), kept, strict=True):
            np.testing.assert_array_equal(p.grad, grad)
    assert largest(ours, theirs, "data") < TIGHT


@pytest.mark.parametrize("decay", [0.9, 0.4, 1.0, 0.0, None])
def test_averages(decay, dtype):
    ours, theirs = twins(SPEC, dtype.name)
    multi = swa_utils.get_swa_multi_avg_fn() if decay is None else swa_utils.get_ema_multi_avg_fn(decay)
    reference = swa_utils.AveragedModel(theirs, multi_avg_fn=multi)
    average = optim.WeightAverage(ours, decay)
    rng = np.random.default_rng(0)
    for step in range(20):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.data[...] = rng.standard_normal(mine.shape)
            with torch.no_grad():
                other.copy_(torch.from_numpy(mine.data.copy()))
        average.update()
        reference.update_parameters(theirs)
        assert average.n_averaged == reference.n_averaged.item() == step + 1
    with average.applied():
        assert largest(ours, reference.module, "data") < 8 * np.finfo(dtype).eps
