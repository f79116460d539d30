"""Model k of a population has the bits of the same model trained alone."""

import warnings

import pytest

import lamella as lm
from population.techniques import CASES, flat
from population.world import assert_same

pytestmark = pytest.mark.usefixtures("restore_threads")


def same(case, n, threads):
    lm.set_num_threads(threads)
    found = case.together(n)
    assert len(found) == n
    lm.set_num_threads(1)
    for k in range(n):
        assert_same(flat(found[k]), flat(case.alone(k)))


@pytest.mark.parametrize("name", CASES)
def test_each_technique(name):
    """Settings that differ by model, two threads."""
    same(CASES[name], 5, 2)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [1, 2, 17])
@pytest.mark.parametrize("name", ["Adam", "weighted rows, measured on others", "some in Python", "architectures"])
def test_any_number_of_threads_and_models(name, n, threads):
    same(CASES[name], n, threads)


@pytest.mark.parametrize("name", ["momentum", "patience", "schedule by step"])
def test_models_that_take_all_threads(name, share_all_work):
    """As large ones do, one after the other."""
    same(CASES[name], 4, 3)


def test_cases_do_what_they_say():
    """Early stopping stops some, at different epochs; rates are cut; settings tell in the weights."""
    case = CASES["patience"]
    epochs = {k: case.alone(k).history.epochs for k in range(5)}
    assert len(set(epochs.values())) > 1
    assert any(trainer.history.stopped == "patience" for trainer in case.together(5))
    cut = CASES["cut on divergence"].together(5)
    assert len({trainer.optimizer.param_groups[0]["lr"] / 3.0 ** (k % 5) for k, trainer in enumerate(cut)}) > 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own = {trainer.model[0].weight.data.tobytes() for trainer in CASES["label smoothing"].together(5)}
    assert len(own) == 5
