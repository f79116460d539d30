"""Clipping inside an update: several models under one norm, bits, settings."""

import math

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from optimizers.every import data, network


def models():
    return [nn.Sequential(nn.Linear(3, n), nn.Linear(n, 2), seed=n, dtype="float64") for n in (4, 5)]


def test_one_norm_over_several_models():
    parts, whole = models(), []
    rng = np.random.default_rng(0)
    for model in parts:
        for p in model.parameters():
            p.grad[...] = rng.standard_normal(p.shape)
            whole.append((p, p.data.copy(), p.grad.copy()))
    optimizer = optim.SGD([p for p, *_ in whole], lr=0.5, clip_norm=1.0)
    norm = math.sqrt(sum((grad**2).sum() for *_, grad in whole))
    for step in (1, 2):
        optimizer.step()
        assert optimizer.grad_norm == pytest.approx(norm)
        for p, before, grad in whole:
            np.testing.assert_allclose(p.data, before - step * 0.5 * grad / (norm + 1e-6), rtol=0, atol=1e-14)
    optimizer.clip_norm = None
    optimizer.step()
    assert math.isnan(optimizer.grad_norm)
    for p, before, grad in whole:
        np.testing.assert_allclose(p.data, before - grad / (norm + 1e-6) - 0.5 * grad, rtol=0, atol=1e-14)


def test_a_short_gradient_stays_whole(dtype):
    twins = [nn.Sequential(nn.Linear(5, 3), seed=0, dtype=dtype.name) for _ in range(2)]
    for model, clip in zip(twins, (100.0, None), strict=True):
        optimizer = optim.SGD(model.parameters(), lr=0.5, clip_norm=clip)
        for p in model.parameters():
            p.grad[...] = np.random.default_rng(1).standard_normal(p.shape)
        optimizer.step()
    for a, b in zip(*(model.parameters() for model in twins), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_norm_that_is_not_finite():
    """Infinite: the finite elements get a factor of zero. NaN: everything is NaN. As in PyTorch."""
    for value, others in ((np.inf, 0.0), (np.nan, np.nan)):
        model = nn.Sequential(nn.Linear(5, 3), seed=0)
        optimizer = optim.SGD(model.parameters(), lr=1.0, clip_norm=1.0)
        before = model[0].weight.data.copy()
        model[0].weight.grad[...] = 1
        model[0].weight.grad[1, 2] = value
        optimizer.step()
        change = model[0].weight.data - before
        assert np.isnan(change[1, 2])
        change[1, 2] = others
        np.testing.assert_array_equal(change, np.full_like(change, others))


def test_the_trainer_follows_clip_norm():
    x, y = data()
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    trainer = lm.Trainer(model, nn.MSELoss(), optimizer)
    trainer.step(x, y)
    for most in (0.1, 0.01):
        optimizer.clip_norm = most
        before = {k: v.copy() for k, v in model.state_dict().items() if "running" not in k and "num" not in k}
        trainer.step(x, y)
        moved = math.sqrt(sum(((model.state_dict()[k] - v) ** 2).sum() for k, v in before.items()))
        assert optimizer.grad_norm > most
        assert moved == pytest.approx(most, rel=1e-4)


def test_sums_do_not_overflow():
    """Squares of float32 are added up in double."""
    model = nn.Sequential(nn.Linear(70, 70), seed=0)
    for p in model.parameters():
        p.grad[...] = 1e30
    assert optim.clip_grad_norm_(model.parameters(), 1.0) == pytest.approx(1e30 * math.sqrt(70 * 71), rel=1e-6)


BAD = {
    "clip_norm": (lambda p: optim.SGD(p, clip_norm=0), ValueError, r"\[SGD\] clip_norm is 0 but must be above 0"),
    "clip_norm text": (lambda p: optim.SGD(p, clip_norm="1"), TypeError, r"clip_norm is '1' but must be a number"),
    "clip_norm NaN": (lambda p: optim.SGD(p, clip_norm=math.nan), ValueError, r"clip_norm is nan but must be"),
    "set": (
        lambda p: setattr(optim.SGD(p), "clip_norm", -1),
        ValueError,
        r"\[SGD\] clip_norm is -1 but must be above 0",
    ),
    "norm": (lambda p: optim.clip_grad_norm_(p, -1), ValueError, r"\[clip_grad_norm_\] max_norm is -1 but must be"),
    "no norm": (lambda p: optim.clip_grad_norm_(p, None), TypeError, r"max_norm is None but must be a number"),
    "value": (lambda p: optim.clip_grad_value_(p, 0), ValueError, r"\[clip_grad_value_\] clip_value is 0 but must be"),
    "a flag": (
        lambda p: optim.clip_grad_norm_(p, 1, 2),
        TypeError,
        r"error_if_nonfinite is 2 but must be True or False",
    ),
    "arrays": (lambda p: optim.clip_grad_norm_([p[0].grad], 1), TypeError, r"is no parameter of a lamella model"),
    "a model": (lambda p: optim.clip_grad_value_(nn.Linear(1, 1), 1), TypeError, r"parameters is Linear"),
    "unused": (lambda p: optim.clip_grad_norm_([nn.Linear(1, 1).weight], 1), ValueError, r"has no gradient yet"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        call(models()[0].parameters())
