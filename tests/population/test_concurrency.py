"""Python threads that use populations at once."""

import threading
import time

import numpy as np
import pytest

import lamella as lm
from lamella import nn
from population.techniques import flat
from population.world import assert_same, labelled, members, population
from test_concurrency import in_threads

pytestmark = pytest.mark.usefixtures("restore_threads")


def test_two_fits_at_once_are_two_in_turn():
    def trained(first):
        pop = population(5, seeds=range(first, first + 5))
        pop.fit(*labelled(), epochs=10, on_epoch=lambda model, epoch, record: None)
        return pop

    lm.set_num_threads(3)
    in_turn = [trained(0), trained(5)]
    at_once = in_threads(lambda: trained(0), lambda: trained(5))
    for one, other in zip(in_turn, at_once, strict=True):
        for first, second in zip(members(one), members(other), strict=True):
            assert_same(flat(first), flat(second))


@pytest.mark.parametrize("threads", [1, 3])
def test_predictions_while_it_is_trained(threads):
    """They come between two steps, and change no bit of the training."""
    lm.set_num_threads(threads)
    x, y = labelled()
    alone, pop = population(4), population(4)
    alone.fit(x, y, epochs=3000, batch_size=16, validation_data=(x, y))
    predicted = []

    def predict():
        while not predicted or worker.is_alive():
            predicted.append(pop.predict(x))
            pop[1]
            pop.evaluate(x, y)

    worker = threading.Thread(target=lambda: pop.fit(x, y, epochs=3000, batch_size=16, validation_data=(x, y)))
    worker.start()
    predict()
    worker.join()
    assert all(np.isfinite(each).all() for each in predicted)
    for one, other in zip(members(alone), members(pop), strict=True):
        assert_same(flat(one), flat(other))


def test_a_prediction_does_not_wait_for_the_whole_training():
    pop, (x, y) = population(2), labelled(300)
    stop = []
    worker = threading.Thread(
        target=lambda: pop.fit(x, y, epochs=10**7, on_epoch=lambda model, epoch, record: bool(stop))
    )
    worker.start()
    try:
        time.sleep(0.1)
        for _ in range(3):
            assert pop.predict(x).shape == (300, 3)
        assert worker.is_alive()
    finally:
        stop.append(True)
        worker.join(timeout=60)
    assert not worker.is_alive()


def test_on_epoch_may_use_the_population():
    """Also models that other threads train just now, and populations of its own."""
    lm.set_num_threads(3)
    x, y = labelled()
    pop, shapes = population(4), []

    def use(model, epoch, record):
        shapes.append(pop.predict(x).shape)
        inner = population(2)
        inner.fit(x, y)
        shapes.append(inner.predict(x).shape)

    pop.fit(x, y, epochs=2, on_epoch=use)
    assert shapes == [(67, 3)] * 16


def test_one_population_fitted_from_two_threads_stays_sound():
    """Whose epochs come when is not promised; that nothing breaks is."""
    lm.set_num_threads(2)
    x, y = labelled()
    pop = population(3, lambda: nn.Sequential(nn.Linear(5, 9), nn.BatchNorm1d(9), nn.Linear(9, 3)))

    def fit():
        for _ in range(20):
            pop.fit(x, y, epochs=3, validation_data=(x, y))

    in_threads(fit, fit, lambda: [pop.predict(x) for _ in range(20)])
    assert [h.epochs for h in pop.history.histories] == [120] * 3
    assert np.isfinite(pop.predict(x)).all()
