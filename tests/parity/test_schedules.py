"""Rates and momenta of 200 steps beside PyTorch's, with every option that changes the algebra."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from lamella import nn, optim  # noqa: E402
from parity import twins  # noqa: E402, F401 - one thread for PyTorch

STEPS = 200
BASES = (0.1, 0.03)

OPTIMIZERS = {
    "SGD": lambda ns, groups: ns.SGD(groups, lr=BASES[0], momentum=0.9),
    "Adam": lambda ns, groups: ns.Adam(groups, lr=BASES[0], betas=(0.9, 0.999)),
    "RMSprop": lambda ns, groups: ns.RMSprop(groups, lr=BASES[0], momentum=0.9),
}


def pair(kind="SGD"):
    """The same optimizer of two groups, each with its own rate, from both libraries."""
    ours = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).parameters()
    theirs = [torch.nn.Parameter(torch.zeros(p.shape)) for p in ours]
    return (
        OPTIMIZERS[kind](optim, [{"params": ours[:2]}, {"params": ours[2:], "lr": BASES[1]}]),
        OPTIMIZERS[kind](torch.optim, [{"params": theirs[:2]}, {"params": theirs[2:], "lr": BASES[1]}]),
    )


def trace(optimizer, schedule, steps=STEPS, metrics=None, by_hand=None):
    """(steps + 1, groups, 2): rate and momentum before the first step and after each."""
    rows = []
    for step in range(steps + 1):
        groups = optimizer.param_groups
        momenta = [g["betas"][0] if "betas" in g else g["momentum"] for g in groups]
        rows.append([[g["lr"], m] for g, m in zip(groups, momenta, strict=True)])
        np.testing.assert_allclose(schedule.get_last_lr(), [g["lr"] for g in groups], rtol=0, atol=0)
        if by_hand is not None:
            by_hand(step, optimizer)
        if isinstance(optimizer, torch.optim.Optimizer):
            optimizer.step()  # or it warns
        if step < steps:
            schedule.step(*([] if metrics is None else [metrics[step]]))
    return np.array(rows)


def compare(make, kind="SGD", steps=STEPS, metrics=None, by_hand=None):
    ours, theirs = pair(kind)
    got = trace(ours, make(optim, ours), steps, metrics, by_hand)
    expected = trace(theirs, make(torch.optim.lr_scheduler, theirs), steps, metrics, by_hand)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    assert np.ptp(expected[:, :, 0]) > 0, "the rates never changed"
    return got


SINGLE = {
    "ConstantLR": lambda ns, o: ns.ConstantLR(o),
    "ConstantLR, 0.5 for 17": lambda ns, o: ns.ConstantLR(o, factor=0.5, total_iters=17),
    "LinearLR": lambda ns, o: ns.LinearLR(o),
    "LinearLR, down": lambda ns, o: ns.LinearLR(o, start_factor=1.0, end_factor=0.05, total_iters=33),
    "StepLR": lambda ns, o: ns.StepLR(o, 10),
    "StepLR, half every 7": lambda ns, o: ns.StepLR(o, step_size=7, gamma=0.5),
    "StepLR, up": lambda ns, o: ns.StepLR(o, step_size=50, gamma=1.5),
    "MultiStepLR": lambda ns, o: ns.MultiStepLR(o, [1, 30, 80]),
    "MultiStepLR, twice at once": lambda ns, o: ns.MultiStepLR(o, milestones=[5, 5, 9], gamma=0.3),
    "ExponentialLR": lambda ns, o: ns.ExponentialLR(o, gamma=0.95),
    "PolynomialLR": lambda ns, o: ns.PolynomialLR(o),
    "PolynomialLR, power 0.9": lambda ns, o: ns.PolynomialLR(o, total_iters=150, power=0.9),
    "PolynomialLR, power 2": lambda ns, o: ns.PolynomialLR(o, total_iters=31, power=2.0),
    "CosineAnnealingLR": lambda ns, o: ns.CosineAnnealingLR(o, T_max=200),
    "CosineAnnealingLR, up and down": lambda ns, o: ns.CosineAnnealingLR(o, T_max=23, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda ns, o: ns.CosineAnnealingWarmRestarts(o, T_0=11),
    "CosineAnnealingWarmRestarts, 2": lambda ns, o: ns.CosineAnnealingWarmRestarts(o, 7, T_mult=2, eta_min=1e-3),
    "CosineAnnealingWarmRestarts, 3": lambda ns, o: ns.CosineAnnealingWarmRestarts(o, 1, T_mult=3),
    "LambdaLR": lambda ns, o: ns.LambdaLR(o, lambda t: 1 / (1 + 0.1 * t)),
    "LambdaLR, by group": lambda ns, o: ns.LambdaLR(o, [lambda t: 0.95**t, lambda t: 1 / math.sqrt(t + 1)]),
    "MultiplicativeLR": lambda ns, o: ns.MultiplicativeLR(o, lambda t: 1 - 1 / (t + 2)),
    "MultiplicativeLR, by group": lambda ns, o: ns.MultiplicativeLR(o, [lambda t: 0.97, lambda t: 0.99]),
}


@pytest.mark.parametrize("case", SINGLE)
def test_rates(case):
    compare(SINGLE[case])


FORMULAS = {
    "InverseTimeLR": (lambda o: optim.InverseTimeLR(o, decay=0.3), lambda base, t: base / (1 + 0.3 * t)),
    "InverseSqrtLR": (lambda o: optim.InverseSqrtLR(o), lambda base, t: base / np.sqrt(t + 1)),
    "InverseSqrtLR, k": (lambda o: optim.InverseSqrtLR(o, k=0.2), lambda base, t: 0.2 * base / np.sqrt(t + 1)),
    "PiecewiseConstantLR": (
        lambda o: optim.PiecewiseConstantLR(o, [3, 50], [0.5, [0.2, 0.1], 1e-3]),
        lambda base, t: np.where(t < 3, 0.5, np.where(t < 50, 0.2 if base == BASES[0] else 0.1, 1e-3)),
    ),
    "a ramp to InverseSqrtLR": (
        lambda o: optim.Warmup(optim.InverseSqrtLR(o), 9),
        lambda base, t: np.where(t < 9, base * (t + 1) / 10, base / np.sqrt(np.maximum(t - 9, 0) + 1)),
    ),
}


@pytest.mark.parametrize("case", FORMULAS)
def test_what_pytorch_does_not_have(case):
    make, formula = FORMULAS[case]
    optimizer, _ = pair()
    got = trace(optimizer, make(optimizer))[:, :, 0]
    t = np.arange(STEPS + 1)
    np.testing.assert_allclose(got, np.stack([formula(base, t) for base in BASES], 1), rtol=1e-14)


CYCLES = {
    "OneCycleLR": lambda ns, o: ns.OneCycleLR(o, max_lr=0.5, total_steps=STEPS + 1),
    "OneCycleLR, linear": lambda ns, o: ns.OneCycleLR(o, 0.5, total_steps=STEPS + 1, anneal_strategy="linear"),
    "OneCycleLR, three phases": lambda ns, o: ns.OneCycleLR(
        o, max_lr=[0.5, 0.1], epochs=3, steps_per_epoch=67, three_phase=True, pct_start=0.4, div_factor=10
    ),
    "OneCycleLR, three linear phases": lambda ns, o: ns.OneCycleLR(
        o, 0.5, total_steps=STEPS + 1, three_phase=True, anneal_strategy="linear"
    ),
    "OneCycleLR, early": lambda ns, o: ns.OneCycleLR(
        o, 0.5, total_steps=STEPS + 1, pct_start=0.013, base_momentum=[0.7, 0.8], max_momentum=0.9, final_div_factor=3.0
    ),
    "OneCycleLR, no rise": lambda ns, o: ns.OneCycleLR(o, 0.5, total_steps=STEPS + 1, pct_start=0.0),
    "OneCycleLR, only a rise": lambda ns, o: ns.OneCycleLR(o, 0.5, total_steps=STEPS + 1, pct_start=1.0),
    "OneCycleLR, still momentum": lambda ns, o: ns.OneCycleLR(o, 0.5, total_steps=STEPS + 9, cycle_momentum=False),
    "CyclicLR": lambda ns, o: ns.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=20),
    "CyclicLR, steep down": lambda ns, o: ns.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], step_size_up=17, step_size_down=3),
    "CyclicLR, triangular2": lambda ns, o: ns.CyclicLR(o, 0.01, 0.1, step_size_up=9, mode="triangular2"),
    "CyclicLR, exp_range": lambda ns, o: ns.CyclicLR(o, 0.0, 0.1, step_size_up=9, mode="exp_range", gamma=0.99),
    "CyclicLR, scale of cycles": lambda ns, o: ns.CyclicLR(o, 0.01, 0.1, step_size_up=9, scale_fn=lambda c: 1 / c),
    "CyclicLR, scale of steps": lambda ns, o: ns.CyclicLR(
        o, 0.01, 0.1, step_size_up=9, scale_fn=lambda t: 0.98**t, scale_mode="iterations", max_momentum=[0.95, 0.9]
    ),
    "CyclicLR, still momentum": lambda ns, o: ns.CyclicLR(o, 0.01, 0.1, step_size_up=9, cycle_momentum=False),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("case", CYCLES)
def test_cycles_of_rate_and_momentum(case, kind):
    got = compare(CYCLES[case], kind)
    assert (np.ptp(got[:, :, 1]) > 0) == ("still" not in case)


def noisy_loss():
    rng = np.random.default_rng(3)
    loss = np.maximum(0.5, 3 * 0.97 ** np.arange(STEPS + 1)) + 0.05 * rng.standard_normal(STEPS + 1)
    loss[[20, 90]] = np.nan, np.inf
    return loss.tolist()


PLATEAUS = {
    "defaults": {},
    "halve": {"factor": 0.5, "patience": 3},
    "max": {"mode": "max", "patience": 1, "factor": 0.9},
    "absolute": {"threshold_mode": "abs", "threshold": 0.1, "patience": 2},
    "absolute max": {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 2},
    "relative": {"threshold": 0.2, "patience": 2, "factor": 0.7},
    "cooldown": {"cooldown": 5, "patience": 2, "factor": 0.8},
    "no patience": {"patience": 0, "factor": 0.9},
    "min_lr": {"min_lr": [0.01, 0.02], "patience": 1},
    "eps": {"patience": 1, "factor": 0.5, "eps": 1e-3},
}


@pytest.mark.parametrize("case", PLATEAUS)
def test_plateaus(case):
    compare(lambda ns, o: ns.ReduceLROnPlateau(o, **PLATEAUS[case]), metrics=noisy_loss())


def sequence(ns, o):
    return ns.SequentialLR(
        o,
        [ns.LinearLR(o, start_factor=0.1, total_iters=10), ns.CosineAnnealingLR(o, 60), ns.ExponentialLR(o, 0.9)],
        milestones=[10, 70],
    )


COMPOSED = {
    "SequentialLR": sequence,
    "SequentialLR of restarts": lambda ns, o: ns.SequentialLR(
        o, [ns.ConstantLR(o, 0.1, total_iters=20), ns.CosineAnnealingWarmRestarts(o, 9, T_mult=2)], [20]
    ),
    "ChainedScheduler": lambda ns, o: ns.ChainedScheduler(
        [ns.ConstantLR(o, 0.1, total_iters=20), ns.ExponentialLR(o, 0.98), ns.StepLR(o, 50)]
    ),
    "ChainedScheduler with LinearLR": lambda ns, o: ns.ChainedScheduler(
        [ns.LinearLR(o, total_iters=30), ns.MultiStepLR(o, [40, 90]), ns.PolynomialLR(o, 300)], optimizer=o
    ),
}


@pytest.mark.parametrize("case", COMPOSED)
def test_composed(case):
    compare(COMPOSED[case])


def test_a_warm_up_is_pytorchs_sequence():
    """Except for PyTorch's SequentialLR, which undoes the momentum that OneCycleLR set, none differs."""
    for inner in ("StepLR, half every 7", "CosineAnnealingLR, up and down", "CosineAnnealingWarmRestarts, 2"):

        def make(ns, o, inner=inner):
            if ns is optim:
                return optim.Warmup(SINGLE[inner](ns, o), 25, start_factor=0.2)
            ramp = ns.LinearLR(o, start_factor=0.2, total_iters=25)
            return ns.SequentialLR(o, [ramp, SINGLE[inner](ns, o)], [25])

        compare(make)


def test_schedules_stepped_one_after_the_other():
    """PyTorch's way to chain; each takes what the other did as set by hand."""

    class Both:
        def __init__(self, ns, optimizer):
            self.first, self.second = ns.LinearLR(optimizer, total_iters=40), ns.StepLR(optimizer, 30, gamma=0.5)
            self.get_last_lr = self.second.get_last_lr

        def step(self):
            self.first.step()
            self.second.step()

    compare(Both)


@pytest.mark.parametrize("case", ["StepLR, half every 7", "ExponentialLR", "LinearLR", "PolynomialLR, power 2"])
def test_rates_set_by_hand(case):
    """The schedule goes on from there, in proportion."""

    def by_hand(step, optimizer):
        if step in (4, 20, 21):
            optimizer.param_groups[1]["lr"] = 0.7 / (step + 1)

    compare(SINGLE[case], steps=30, by_hand=by_hand)
