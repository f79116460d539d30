"""Successive halving: rungs, what they cost, and who climbs them."""

import heapq
import math
import random

import pytest

from lamella import Halving
from lamella.tuning.halving import affordable_epochs, cost, rungs
from lamella.tuning.ladder import Ladder


def climb(ladder, levels, qualities, workers=1, seed=0):
    """Train by the ladder: the score of a trial is its quality, the same at each rung; trials by rung, and epochs."""
    rng, running, now, epochs = random.Random(seed), [], 0.0, 0
    arrived = [set() for _ in levels]
    while True:
        while len(running) < workers and (step := ladder.next(idle=not running)) is not None:
            trial, rung = step
            length = levels[rung] - (levels[rung - 1] if rung else 0)
            epochs += length
            heapq.heappush(running, (now + length * rng.uniform(0.8, 1.2), step))
        if not running:
            return arrived, epochs
        now, (trial, rung) = heapq.heappop(running)
        assert trial not in ladder.lost()
        arrived[rung].add(trial)
        ladder.report(trial, rung, qualities[trial])


def shuffled(n, seed):
    return random.Random(seed).sample(range(n), n)


@pytest.mark.parametrize(
    ("epochs", "n", "halving", "expected"),
    [
        (10, 50, None, [10]),
        (81, 100, Halving(), [1, 3, 9, 27, 81]),
        (81, 20, Halving(), [9, 27, 81]),
        (81, 100, Halving(min_epochs=4), [9, 27, 81]),
        (100, 100, Halving(factor=4), [1, 6, 25, 100]),
        (2, 100, Halving(), [2]),
        (50, 1, Halving(), [50]),
    ],
)
def test_rungs(epochs, n, halving, expected):
    assert rungs(epochs, n, halving) == expected


def test_cost():
    assert cost(10, [7, 8], None) == 150
    assert cost(9, [9], Halving()) == 9 * 1 + 3 * 2 + 1 * 6


@pytest.mark.parametrize("halving", [None, Halving(), Halving(factor=2, min_epochs=3), Halving(factor=4)])
@pytest.mark.parametrize("sizes", [[1], [10], [27, 26], [100]])
@pytest.mark.parametrize("budget", [5, 90, 500, 5000])
def test_affordable_epochs_are_affordable(halving, sizes, budget):
    epochs = affordable_epochs(budget, sizes, halving)
    least = 1 if halving is None else halving.min_epochs
    if epochs == 0:
        assert cost(least, sizes, halving) > budget
    else:
        assert cost(epochs, sizes, halving) <= budget
        more = epochs + 1
        if len(rungs(more, min(sizes), halving)) == len(rungs(epochs, min(sizes), halving)):
            assert cost(more, sizes, halving) > budget


@pytest.mark.parametrize("workers", [1, 4, 50])
def test_without_halving_each_is_trained_to_the_end(workers):
    ladder = Ladder(20, [7], None)
    arrived, epochs = climb(ladder, [7], shuffled(20, 0), workers)
    assert arrived == [set(range(20))]
    assert epochs == 140


@pytest.mark.parametrize("workers", [1, 4, 50])
@pytest.mark.parametrize("n", [1, 5, 27, 60])
def test_synchronous_halving_keeps_the_best_of_each_rung(n, workers):
    halving, qualities = Halving(synchronous=True), shuffled(n, n)
    levels = rungs(27, n, halving)
    ladder = Ladder(n, levels, halving, cost(27, [n], halving))
    arrived, epochs = climb(ladder, levels, qualities, workers)
    for rung, trials in enumerate(arrived):
        assert {qualities[trial] for trial in trials} == set(range(n // 3**rung))
    assert epochs == cost(27, [n], halving)


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("seed", range(5))
def test_asynchronous_halving_never_loses_the_best(workers, seed):
    halving, n = Halving(), 40
    qualities, levels = shuffled(n, seed), rungs(27, n, halving)
    ladder = Ladder(n, levels, halving)
    arrived, epochs = climb(ladder, levels, qualities, workers, seed)
    assert qualities.index(0) in arrived[-1]
    assert epochs < 40 * 27 / 3
    lost = set(ladder.lost())
    for rung in range(len(levels) - 1):
        assert len(arrived[rung]) >= len(arrived[rung + 1]) >= len(arrived[rung]) // 3
    assert lost
    assert not lost & arrived[-1]


def test_asynchronous_halving_does_not_wait():
    """The first of three goes on while others are trained."""
    ladder = Ladder(9, [1, 3], Halving())
    begun = [ladder.next(idle=False) for _ in range(4)]
    assert begun == [(0, 0), (1, 0), (2, 0), (3, 0)]
    for trial, score in ((0, 5.0), (1, 3.0), (2, 4.0)):
        ladder.report(trial, 0, score)
    assert ladder.next(idle=False) == (1, 1)
    assert ladder.next(idle=False) == (4, 0)


@pytest.mark.parametrize("budget", [27, 60, 100, 150])
@pytest.mark.parametrize("workers", [1, 8])
def test_a_budget_is_kept_and_one_comes_to_the_end(budget, workers):
    halving, qualities = Halving(), shuffled(40, budget)
    levels = rungs(27, 40, halving)
    arrived, epochs = climb(Ladder(40, levels, halving, budget), levels, qualities, workers)
    assert epochs <= budget
    assert arrived[-1]


def test_what_is_refunded_is_spent_again():
    ladder = Ladder(3, [10], None, 10)
    assert ladder.next(idle=True) == (0, 0)
    assert ladder.next(idle=False) is None
    ladder.refund(10)
    assert ladder.next(idle=False) == (1, 0)


@pytest.mark.parametrize("synchronous", [False, True])
def test_trials_without_a_score_go_no_further(synchronous):
    halving = Halving(synchronous=synchronous)
    qualities = [math.inf] * 7 + [2.0, 1.0]
    levels = rungs(9, 9, halving)
    arrived, _ = climb(Ladder(9, levels, halving), levels, qualities, 2)
    assert arrived[1] <= {7, 8}
    assert arrived[2] == {8}


@pytest.mark.parametrize("synchronous", [False, True])
def test_nothing_is_left_where_all_are_without_a_score(synchronous):
    halving = Halving(synchronous=synchronous)
    arrived, _ = climb(Ladder(9, [1, 3, 9], halving), [1, 3, 9], [math.inf] * 9, 2)
    assert [len(trials) for trials in arrived] == [9, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"factor": 1}, ValueError, r"\[Halving\] factor is 1 but must be at least 2"),
        ({"min_epochs": 0}, ValueError, r"\[Halving\] min_epochs is 0 but must be at least 1"),
        ({"synchronous": 1}, TypeError, r"\[Halving\] synchronous is 1 but must be True or False"),
    ],
)
def test_bad_settings(arguments, error, message):
    with pytest.raises(error, match=message):
        Halving(**arguments)
