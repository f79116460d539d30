"""How threads are shared: a model each, all on one model, or on as many as there are."""

import threading
import time

import pytest

import lamella as lm
from lamella import nn
from lamella.trainer.training import Training
from population.techniques import flat
from population.world import assert_same, labelled, members, population

pytestmark = pytest.mark.usefixtures("restore_threads")

X, Y = labelled()


def large():
    return nn.Sequential(nn.Linear(5, 1000), nn.Tanh(), nn.Linear(1000, 1000), nn.Tanh(), nn.Linear(1000, 3))


def seen(pop, **options):
    """How many threads a replay may use where each model is trained."""
    found = {}

    def look(model, epoch, record):
        found[model] = lm.get_num_threads()

    pop.fit(X, Y, batch_size=67, on_epoch=look, **options)
    return [found[k] for k in sorted(found)]


def test_small_models_have_a_thread_each():
    lm.set_num_threads(3)
    assert seen(population(5)) == [1] * 5
    assert seen(population(2)) == [1] * 2


def test_large_models_share_all_threads_where_there_are_fewer_than_threads():
    lm.set_num_threads(4)
    assert seen(population(1, large)) == [4]
    assert seen(population(2, large)) == [4, 4]
    assert seen(population(5, large)) == [1] * 5


def test_large_and_small_ones_together():
    """Large ones have all threads first; the bits are those of each alone."""
    lm.set_num_threads(4)
    makers = [large, lambda: nn.Linear(5, 3)]
    pop = lm.Population(makers, loss=nn.CrossEntropyLoss(), optimizer=lm.optim.Adam, settings={"lr": 0.01})
    assert seen(pop, epochs=2) == [4, 1]
    for k, trainer in enumerate(members(pop)):
        model = makers[k]()
        model.seed = k
        alone = lm.Trainer(model, nn.CrossEntropyLoss(), lm.optim.Adam(model.parameters(), lr=0.01))
        alone.fit(X, Y, batch_size=67, epochs=2)
        assert_same(flat(trainer), flat(alone))


def test_models_are_spread_over_threads():
    """No more threads than models, and no fewer where all have work; whoever is done takes the next."""
    lm.set_num_threads(3)
    ran = {}
    meet = threading.Barrier(3, timeout=60)

    def look(model, epoch, record):
        ran.setdefault(threading.get_ident(), set()).add(model)
        if epoch == 0 and model < 3:
            meet.wait()  # three are in their first epoch at once

    population(7).fit(X, Y, epochs=[9, 9, 9, 1, 1, 1, 1], on_epoch=look)
    assert len(ran) == 3
    assert sorted(k for own in ran.values() for k in own if k > 2) == [3, 4, 5, 6]
    ran.clear()
    population(2).fit(
        X, Y, epochs=3, on_epoch=lambda model, epoch, record: ran.setdefault(threading.get_ident(), 0) or None
    )
    assert len(ran) <= 2


@pytest.mark.parametrize("end", ["stopped", "diverged", "done"])
def test_what_is_over_frees_its_share_at_once(end):
    """The one thread takes the next model as soon as the first is over, whatever is left of its epochs."""
    lm.set_num_threads(1)
    order = []

    def look(model, epoch, record):
        order.append(model)
        return end == "stopped" and epoch == 1 and model == 0

    rates = [1e30 if end == "diverged" else 0.01, 0.01]
    pop = population(2, lambda: nn.Linear(5, 3), loss=nn.MSELoss(), optimizer=lm.optim.SGD, settings={"lr": rates})
    options = {"epochs": [2 if end == "done" else 10**6, 3], "on_epoch": look, "batch_size": 67}
    if end == "diverged":
        with pytest.warns(UserWarning, match="1 of 2 models diverged"):
            pop.fit(X, X[:, :3], **options)
    else:
        pop.fit(X, X[:, :3], **options)
    first = order.count(0)
    assert first < 20
    assert sorted(order) == [0] * first + [1] * 3
    assert order in ([0] * first + [1] * 3, [1] * 3 + [0] * first)


@pytest.mark.parametrize("threads", [1, 2])
def test_models_are_begun_when_their_turn_comes(threads, restore_threads, monkeypatch):
    """What that takes in Python, such as tables of rates, is not to keep threads waiting."""
    lm.set_num_threads(threads)
    begun, seen = [], []
    begin = Training.begin
    monkeypatch.setattr(Training, "begin", lambda self: begun.append(self) or begin(self))
    pop = population(12)
    pop.fit(*labelled(), epochs=1, on_epoch=lambda *_: seen.append(len(begun)))
    assert seen[0] <= threads
    assert len(seen) == 12


def test_another_thread_gets_in():
    """A fit of one long stretch leaves the model to who waits for it, now and then."""
    x, y = labelled(200)
    pop = population(1)
    done, counts = threading.Event(), []

    def look():
        while not done.is_set():
            pop.outputs(x[:1])
            counts.append(1)

    looking = threading.Thread(target=look)
    begin = time.perf_counter()
    looking.start()
    pop.fit(x, y, epochs=2000, batch_size=10, patience=2000, monitor="loss")
    seconds = time.perf_counter() - begin
    done.set()
    looking.join()
    assert len(counts) >= min(3, seconds / 0.2)
