"""Schedules by themselves: state, composition, what is set by hand, and what is refused."""

import json
import math

import numpy as np
import pytest

from lamella import nn, optim
from lamella.optim import lr_scheduler


def sgd(lr=0.1, momentum=0.9, groups=1):
    parameters = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).parameters()
    if groups == 1:
        return optim.SGD(parameters, lr=lr, momentum=momentum)
    return optim.SGD([{"params": parameters[:2]}, {"params": parameters[2:], "lr": lr / 10}], lr=lr, momentum=momentum)


ALL = {
    "ConstantLR": lambda o: optim.ConstantLR(o, 0.5, total_iters=4),
    "LinearLR": lambda o: optim.LinearLR(o, total_iters=9),
    "StepLR": lambda o: optim.StepLR(o, 3, gamma=0.5),
    "MultiStepLR": lambda o: optim.MultiStepLR(o, [2, 5]),
    "ExponentialLR": lambda o: optim.ExponentialLR(o, 0.95),
    "InverseTimeLR": lambda o: optim.InverseTimeLR(o, 0.2),
    "InverseSqrtLR": lambda o: optim.InverseSqrtLR(o),
    "PolynomialLR": lambda o: optim.PolynomialLR(o, 20, power=2.0),
    "PiecewiseConstantLR": lambda o: optim.PiecewiseConstantLR(o, [2, 6], [0.3, 0.2, 0.1]),
    "CosineAnnealingLR": lambda o: optim.CosineAnnealingLR(o, 7, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda o: optim.CosineAnnealingWarmRestarts(o, 3, T_mult=2),
    "OneCycleLR": lambda o: optim.OneCycleLR(o, 0.3, total_steps=20),
    "CyclicLR": lambda o: optim.CyclicLR(o, 0.01, 0.1, step_size_up=3, mode="triangular2"),
    "LambdaLR": lambda o: optim.LambdaLR(o, lambda t: 1 / (1 + t)),
    "MultiplicativeLR": lambda o: optim.MultiplicativeLR(o, lambda t: 0.9 + 0.01 * t),
    "ReduceLROnPlateau": lambda o: optim.ReduceLROnPlateau(o, patience=1, factor=0.5),
    "Warmup": lambda o: optim.Warmup(optim.StepLR(o, 3), 4),
    "SequentialLR": lambda o: optim.SequentialLR(o, [optim.LinearLR(o), optim.StepLR(o, 2)], [4]),
    "ChainedScheduler": lambda o: optim.ChainedScheduler([optim.OneCycleLR(o, 0.3, 20), optim.ExponentialLR(o, 0.9)]),
    "a tree": lambda o: optim.Warmup(
        optim.ChainedScheduler([optim.ReduceLROnPlateau(o, patience=0, factor=0.5), optim.ExponentialLR(o, 0.99)]), 3
    ),
}


def go(schedule, losses):
    """Rates and momenta after each step."""
    seen = []
    for loss in losses:
        schedule.step(loss) if schedule.watches else schedule.step()
        seen.append([(group["lr"], group["momentum"]) for group in schedule.optimizer.param_groups])
    return seen


LOSSES = [3.0, 2.0, 2.5, 2.6, 2.7, 1.0, 1.1, 1.2, math.nan, 1.3, 0.5, 0.6]


@pytest.mark.parametrize("name", ALL)
def test_resumed_it_has_the_same_bits(name):
    """From a state that JSON held; the optimizer's rates follow."""
    whole = go(ALL[name](sgd(groups=2)), LOSSES)
    first = ALL[name](sgd(groups=2))
    go(first, LOSSES[:5])
    state = json.loads(json.dumps(first.state_dict()))
    second = ALL[name](sgd(groups=2, lr=0.7))
    second.load_state_dict(state)
    assert [(g["lr"], g["momentum"]) for g in second.optimizer.param_groups] == whole[4]
    assert second.last_epoch == 5
    assert go(second, LOSSES[5:]) == whole[5:]
    assert second.state_dict() == json.loads(json.dumps(second.state_dict()))


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("ReduceLROnPlateau", "a tree")])
def test_rates_are_a_function_of_the_step(name):
    schedule = ALL[name](sgd(groups=2))
    expected = [schedule.rates(t) for t in range(12)]
    assert schedule.last_epoch == 0
    assert schedule.get_last_lr() == expected[0]
    for t in range(1, 12):
        schedule.step()
        assert schedule.get_last_lr() == schedule.last_lr == expected[t]
    other = ALL[name](sgd(groups=2))
    assert [other.rates(t) for t in reversed(range(12))] == expected[::-1]


@pytest.mark.parametrize("name", ALL)
def test_the_kernels_read_what_the_groups_show(name):
    schedule = ALL[name](sgd(groups=2))
    go(schedule, LOSSES)
    for group in schedule.optimizer.param_groups:
        for block in group.blocks:
            assert (block.settings["lr"], block.settings["momentum"]) == (group["lr"], group["momentum"])


@pytest.mark.parametrize("name", ALL)
def test_repr(name):
    text = repr(ALL[name](sgd()))
    assert text.startswith(name + "(" if name != "a tree" else "Warmup(ChainedScheduler(ReduceLROnPlateau(mode='min'")
    assert "\n" not in text


def test_names_are_where_pytorch_has_them():
    assert lr_scheduler is optim.lr_scheduler
    for name in lr_scheduler.__all__:
        assert getattr(lr_scheduler, name) is getattr(optim, name)


def test_last_epoch_begins_later():
    schedule = optim.StepLR(sgd(), 3, gamma=0.5, last_epoch=5)
    assert schedule.last_epoch == 6
    assert schedule.get_last_lr() == [0.025]


# What is set by hand.


@pytest.mark.parametrize("name", ALL)
def test_a_rate_set_by_hand_scales_what_is_to_come(name):
    expected = go(ALL[name](sgd()), LOSSES)
    schedule = ALL[name](sgd())
    go(schedule, LOSSES[:4])
    schedule.optimizer.lr *= 2
    got = go(schedule, LOSSES[4:])
    np.testing.assert_allclose([row[0][0] for row in got], [2 * row[0][0] for row in expected[4:]], rtol=1e-12)
    assert [row[0][1] for row in got] == [row[0][1] for row in expected[4:]]


def test_zero_by_hand_is_not_for_ever():
    schedule = optim.StepLR(sgd(), 3)
    schedule.optimizer.lr = 0.0
    schedule.step()
    assert schedule.optimizer.lr == 0.0
    schedule.optimizer.lr = 0.2
    schedule.step()
    assert schedule.optimizer.lr == 0.2


def test_a_rate_set_by_hand_is_the_base_of_the_next_schedule():
    optimizer = sgd()
    first = optim.ExponentialLR(optimizer, 0.5)
    first.step()
    assert optim.StepLR(optimizer, 3).base_lrs == [0.1]
    optimizer.lr = 0.3
    assert optim.StepLR(optimizer, 3).base_lrs == [0.3]


def test_a_schedule_made_after_one_that_ended_at_zero_begins_anew():
    optimizer = sgd()
    first = optim.CosineAnnealingLR(optimizer, 2)
    first.step()
    first.step()
    assert optimizer.lr == 0.0
    optim.StepLR(optimizer, 3)
    assert optimizer.lr == 0.1


def test_momentum_set_by_hand_stays_where_nothing_cycles():
    schedule = optim.StepLR(sgd(), 3)
    schedule.optimizer.param_groups[0]["momentum"] = 0.5
    schedule.step()
    assert schedule.optimizer.param_groups[0]["momentum"] == 0.5


# Composition.


def test_a_chain_is_a_product():
    chain = optim.ChainedScheduler(
        [optim.CosineAnnealingLR(o := sgd(), 9), optim.StepLR(o, 2), optim.InverseTimeLR(o, 1)]
    )
    for t in range(9):
        expected = 0.1 * (1 + math.cos(math.pi * t / 9)) / 2 * 0.1 ** (t // 2) / (1 + t)
        assert chain.get_last_lr() == pytest.approx([expected], rel=1e-12)
        chain.step()


def test_a_sequence_passes_momentum_and_plateaus_on():
    optimizer = sgd()
    cycle = optim.CyclicLR(optimizer, 0.01, 0.1, step_size_up=2, base_momentum=0.5, max_momentum=0.9)
    schedule = optim.SequentialLR(
        optimizer, [cycle, optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)], milestones=[4]
    )
    seen = go(schedule, [1.0] * 8)
    assert [row[0][1] for row in seen[:4]] == pytest.approx([0.7, 0.5, 0.7, 0.7])
    assert [row[0][0] for row in seen] == pytest.approx([0.055, 0.1, 0.055, 0.1, 0.05, 0.025, 0.0125, 0.00625])


def test_a_composed_schedule_may_step_without_a_measure():
    schedule = optim.Warmup(optim.ReduceLROnPlateau(sgd(), patience=0, factor=0.5), 2, start_factor=0.5)
    for _ in range(4):
        schedule.step()  # batches
    assert schedule.get_last_lr() == [0.1]
    schedule.step(1.0)
    schedule.step(2.0)
    assert schedule.get_last_lr() == [0.05]


def test_a_schedule_of_the_users_own():
    class Halving(optim.LRScheduler):
        def factor(self, t):
            return 0.5**t

    schedule = optim.Warmup(Halving(sgd()), 1, start_factor=0.1)
    assert [schedule.rates(t)[0] for t in range(3)] == pytest.approx([0.01, 0.1, 0.05])
