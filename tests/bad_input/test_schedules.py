"""Wrong arguments and states of schedules: refused, and the optimizer is as before."""

import math

import pytest

from lamella import nn, optim


def sgd(lr=0.1, momentum=0.9):
    return optim.SGD(nn.Linear(3, 4).parameters(), lr=lr, momentum=momentum)


def step(optimizer=None):
    return optim.StepLR(optimizer or sgd(), 3)


WRONG = {
    "no optimizer": (lambda o: optim.StepLR(nn.Linear(2, 2), 3), TypeError, r"\[StepLR\] optimizer is Linear"),
    "a class": (lambda o: optim.StepLR(optim.SGD, 3), TypeError, r"an Optimizer \(an instance, not the class\)"),
    "None, by group": (lambda o: optim.LambdaLR(None, abs), TypeError, r"\[LambdaLR\] optimizer is None"),
    "step_size 0": (lambda o: optim.StepLR(o, 0), ValueError, r"\[StepLR\] step_size is 0 but must be at least 1"),
    "step_size negative": (lambda o: optim.StepLR(o, -3), ValueError, r"step_size is -3 but must be at least 1"),
    "step_size 2.5": (lambda o: optim.StepLR(o, 2.5), TypeError, r"step_size is 2.5 but must be an integer"),
    "gamma 0": (lambda o: optim.StepLR(o, 2, gamma=0), ValueError, r"gamma is 0 but must be above 0"),
    "gamma nan": (lambda o: optim.ExponentialLR(o, math.nan), ValueError, r"\[ExponentialLR\] gamma is nan"),
    "gamma text": (lambda o: optim.ExponentialLR(o, "x"), TypeError, r"gamma is 'x' but must be a number"),
    "last_epoch": (lambda o: optim.ExponentialLR(o, 0.9, last_epoch=-2), ValueError, r"last_epoch is -2"),
    "out of order": (
        lambda o: optim.MultiStepLR(o, [5, 3]),
        ValueError,
        r"is \[5, 3\] but must be in order",
    ),
    "a milestone of 0": (lambda o: optim.MultiStepLR(o, [0, 3]), ValueError, r"milestones\[0\] is 0 but must be"),
    "milestones no list": (lambda o: optim.MultiStepLR(o, 5), TypeError, r"milestones is 5 but must be a list"),
    "factor above 1": (lambda o: optim.ConstantLR(o, 1.5), ValueError, r"factor is 1.5 but must be in \[0, 1\]"),
    "total_iters": (lambda o: optim.LinearLR(o, total_iters=0), ValueError, r"\[LinearLR\] total_iters is 0"),
    "start_factor": (lambda o: optim.LinearLR(o, start_factor=-0.1), ValueError, r"start_factor is -0.1"),
    "end_factor": (lambda o: optim.LinearLR(o, end_factor=1.1), ValueError, r"end_factor is 1.1"),
    "decay": (lambda o: optim.InverseTimeLR(o, -1), ValueError, r"\[InverseTimeLR\] decay is -1"),
    "k": (lambda o: optim.InverseSqrtLR(o, 0), ValueError, r"\[InverseSqrtLR\] k is 0 but must be above 0"),
    "power": (lambda o: optim.PolynomialLR(o, power=0), ValueError, r"\[PolynomialLR\] power is 0"),
    "T_max": (lambda o: optim.CosineAnnealingLR(o, 0), ValueError, r"\[CosineAnnealingLR\] T_max is 0"),
    "eta_min": (lambda o: optim.CosineAnnealingLR(o, 5, eta_min=-1), ValueError, r"eta_min is -1"),
    "T_0": (lambda o: optim.CosineAnnealingWarmRestarts(o, 2.0), TypeError, r"T_0 is 2.0 but must be an integer"),
    "T_mult": (lambda o: optim.CosineAnnealingWarmRestarts(o, 2, 0), ValueError, r"T_mult is 0"),
    "values": (
        lambda o: optim.PiecewiseConstantLR(o, [3], [0.1]),
        ValueError,
        r"1 entries but 1 boundaries need 2",
    ),
    "a value below 0": (lambda o: optim.PiecewiseConstantLR(o, [3], [0.1, -1]), ValueError, r"values\[1\] is -1"),
    "values no list": (lambda o: optim.PiecewiseConstantLR(o, [3], 0.1), TypeError, r"values is 0.1 but must be"),
    "no function": (lambda o: optim.LambdaLR(o, 0.5), TypeError, r"lr_lambda is 0.5 but must be a function"),
    "other groups": (
        lambda o: optim.MultiplicativeLR(o, [abs, abs]),
        ValueError,
        r"2 values .* 1 parameter groups",
    ),
    "a function's -1": (
        lambda o: optim.LambdaLR(o, lambda t: -1),
        ValueError,
        r"lr is -0.1 after 0 epochs but",
    ),
    "a function's nan": (lambda o: optim.LambdaLR(o, lambda t: math.nan), ValueError, r"lr is nan after 0 epochs"),
    "no total_steps": (lambda o: optim.OneCycleLR(o, 0.1), ValueError, r"total_steps is None: say it, or epochs and"),
    "half of it": (lambda o: optim.OneCycleLR(o, 0.1, epochs=3), ValueError, r"total_steps is None"),
    "total_steps": (lambda o: optim.OneCycleLR(o, 0.1, 0), ValueError, r"\[OneCycleLR\] total_steps is 0"),
    "max_lr": (lambda o: optim.OneCycleLR(o, [0.1, 0.2], 9), ValueError, r"max_lr has 2 values but the optimizer"),
    "max_lr negative": (lambda o: optim.OneCycleLR(o, [-0.1], 9), ValueError, r"max_lr\[0\] is -0.1"),
    "pct_start": (lambda o: optim.OneCycleLR(o, 0.1, 9, pct_start=1.5), ValueError, r"pct_start is 1.5"),
    "three phases": (
        lambda o: optim.OneCycleLR(o, 0.1, 9, pct_start=0.6, three_phase=True),
        ValueError,
        r"pct_start is 0.6 but three phases need at most 0.5",
    ),
    "three_phase": (lambda o: optim.OneCycleLR(o, 0.1, 9, three_phase=1), TypeError, r"three_phase is 1"),
    "cycle_momentum": (lambda o: optim.OneCycleLR(o, 0.1, 9, cycle_momentum=1), TypeError, r"cycle_momentum is 1"),
    "strategy": (lambda o: optim.OneCycleLR(o, 0.1, 9, anneal_strategy="x"), ValueError, r"is 'x' .* 'cos', 'linear'"),
    "div_factor": (lambda o: optim.OneCycleLR(o, 0.1, 9, div_factor=0), ValueError, r"div_factor is 0"),
    "final_div_factor": (
        lambda o: optim.OneCycleLR(o, 0.1, 9, final_div_factor="x"),
        TypeError,
        r"final_div_factor is",
    ),
    "momentum of 1": (lambda o: optim.OneCycleLR(o, 0.1, 9, max_momentum=1), ValueError, r"max_momentum is 1 but must"),
    "no momentum": (
        lambda o: optim.OneCycleLR(sgd(momentum=0.0), 0.1, 9),
        ValueError,
        r"momentum is to go from 0.95 to 0.85, but it is 0.0 in parameter group 0.*cycle_momentum=False",
    ),
    "momentum to 0": (
        lambda o: optim.CyclicLR(o, 0, 0.1, base_momentum=0),
        ValueError,
        r"from 0.9 to 0.0, but it is",
    ),
    "mode": (lambda o: optim.CyclicLR(o, 0.1, 1, mode="square"), ValueError, r"\[CyclicLR\] mode is 'square'"),
    "base above max": (lambda o: optim.CyclicLR(o, 0.2, 0.1), ValueError, r"base_lr is 0.2 but must not be above"),
    "step_size_up": (lambda o: optim.CyclicLR(o, 0.1, 1, step_size_up=0), ValueError, r"step_size_up is 0"),
    "step_size_down": (lambda o: optim.CyclicLR(o, 0.1, 1, step_size_down=0), ValueError, r"step_size_down is 0"),
    "scale_fn": (lambda o: optim.CyclicLR(o, 0.1, 1, scale_fn=3), TypeError, r"scale_fn is 3 but must be a function"),
    "scale_mode": (lambda o: optim.CyclicLR(o, 0.1, 1, scale_mode="x"), ValueError, r"scale_mode is 'x'"),
    "plateau's mode": (lambda o: optim.ReduceLROnPlateau(o, mode="low"), ValueError, r"mode is 'low' but must be"),
    "plateau's factor": (lambda o: optim.ReduceLROnPlateau(o, factor=1.0), ValueError, r"factor is 1.0 .* \[0, 1\)"),
    "plateau's patience": (lambda o: optim.ReduceLROnPlateau(o, patience=-1), ValueError, r"patience is -1"),
    "plateau's threshold": (lambda o: optim.ReduceLROnPlateau(o, threshold=-1), ValueError, r"threshold is -1"),
    "threshold_mode": (lambda o: optim.ReduceLROnPlateau(o, threshold_mode="r"), ValueError, r"threshold_mode is 'r'"),
    "cooldown": (lambda o: optim.ReduceLROnPlateau(o, cooldown=1.5), TypeError, r"cooldown is 1.5"),
    "min_lr": (lambda o: optim.ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, r"min_lr has 2 values"),
    "eps": (lambda o: optim.ReduceLROnPlateau(o, eps=-1), ValueError, r"eps is -1"),
    "warm-up of nothing": (
        lambda o: optim.Warmup(o, 5),
        TypeError,
        r"(?s)\[Warmup\] schedule is SGD.* must be a",
    ),
    "warm-up's steps": (lambda o: optim.Warmup(step(), 0), ValueError, r"\[Warmup\] steps is 0"),
    "warm-up's start": (lambda o: optim.Warmup(step(), 2, 2), ValueError, r"start_factor is 2"),
    "an empty chain": (lambda o: optim.ChainedScheduler([]), ValueError, r"\[ChainedScheduler\] schedulers is empty"),
    "a chain of one": (lambda o: optim.ChainedScheduler(step()), TypeError, r"schedulers is StepLR.* must be a list"),
    "two optimizers": (
        lambda o: optim.ChainedScheduler([step(), step()]),
        ValueError,
        r"schedulers\[1\] \(StepLR\(.*\)\) is a schedule of another optimizer",
    ),
    "a chain of others": (
        lambda o: optim.ChainedScheduler([step(), 5]),
        TypeError,
        r"schedulers\[1\] is 5 but",
    ),
    "a cycle that is not first": (
        lambda o: optim.ChainedScheduler([step(o), optim.OneCycleLR(o, 0.1, 9, cycle_momentum=False)]),
        ValueError,
        r"schedulers\[1\] .* says its rates itself, whatever comes before it: put it first",
    ),
    "another's sequence": (lambda o: optim.SequentialLR(o, [step()], []), ValueError, r"\[0\] .* of another optimizer"),
    "a milestone too many": (
        lambda o: optim.SequentialLR(o, [step(o)], [4]),
        ValueError,
        r"milestones has 1 entries but 1 schedules need 0",
    ),
    "one milestone twice": (
        lambda o: optim.SequentialLR(o, [step(o), step(o), step(o)], [4, 4]),
        ValueError,
        r"milestones is \[4, 4\] but each must be above the one before",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    make, kind, message = WRONG[case]
    optimizer = sgd()
    with pytest.raises(kind, match=message) as caught:
        make(optimizer)
    assert str(caught.value).startswith("[")
    if case != "a cycle that is not first":  # what it was to be made of has been made
        assert (optimizer.lr, optimizer.param_groups[0]["momentum"]) == (0.1, 0.9)


def test_wrong_steps():
    with pytest.raises(TypeError, match=r"^\[StepLR.step\] metrics is 0.5 but this schedule watches nothing"):
        step().step(0.5)
    plateau = optim.ReduceLROnPlateau(sgd())
    with pytest.raises(TypeError, match=r"^\[ReduceLROnPlateau.step\] metrics is missing"):
        plateau.step()
    with pytest.raises(TypeError, match=r"metrics is 'x' but must be a number"):
        plateau.step("x")
    assert plateau.last_epoch == 0
    cycle = optim.OneCycleLR(sgd(), 0.3, total_steps=2)
    cycle.step()
    cycle.step()
    last = cycle.get_last_lr()
    for _ in range(2):  # and again
        with pytest.raises(ValueError, match=r"^\[OneCycleLR\] step 3 lies beyond total_steps, 2"):
            cycle.step()
        assert (cycle.last_epoch, cycle.get_last_lr()) == (2, last)
    with pytest.raises(ValueError, match="t is -1"):
        cycle.rates(-1)


STATES = {
    "none": (lambda s: None, TypeError, r"state is None but must be a mapping"),
    "another schedule's": (lambda s: step().state_dict(), ValueError, r"that of 'StepLR', not of Warmup"),
    "other parts": (lambda s: {**s, "children": []}, ValueError, r"a schedule of other parts"),
    "another part": (lambda s: {**s, "children": [step().state_dict()]}, ValueError, r"'StepLR', not of ReduceLROnPl"),
    "no steps": (lambda s: {k: v for k, v in s.items() if k != "steps"}, TypeError, r"steps is None"),
    "negative steps": (lambda s: {**s, "steps": -1}, ValueError, r"steps is -1"),
    "epochs": (lambda s: {**s, "epochs": 1.5}, TypeError, r"epochs is 1.5"),
    "other groups": (lambda s: {**s, "base_lrs": [0.1, 0.2]}, ValueError, r"base_lrs is \[0.1, 0.2\] but the"),
    "a scale that is none": (lambda s: {**s, "scales": ["x"]}, TypeError, r"scales\[0\] is 'x'"),
    "no reductions": (
        lambda s: {**s, "children": [{**s["children"][0], "reductions": None}]},
        ValueError,
        r"reductions is None",
    ),
    "a counter": (
        lambda s: {**s, "children": [{**s["children"][0], "num_bad_epochs": -1}]},
        ValueError,
        r"num_bad_epochs is -1",
    ),
    "a best that is none": (
        lambda s: {**s, "children": [{**s["children"][0], "best": "x"}]},
        TypeError,
        r"best is 'x' but must be a number",
    ),
}


@pytest.mark.parametrize("case", STATES)
def test_a_wrong_state_changes_nothing(case):
    make, kind, message = STATES[case]
    schedule = optim.Warmup(optim.ReduceLROnPlateau(sgd()), 5)
    schedule.step(1.0)
    before = schedule.state_dict(), schedule.optimizer.lr
    with pytest.raises(kind, match=r"^\[Warmup.load_state_dict\] .*" + message):
        schedule.load_state_dict(make(schedule.state_dict()))
    assert (schedule.state_dict(), schedule.optimizer.lr) == before
