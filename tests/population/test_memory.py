"""What a population holds, and what it lets go of."""

import gc
import weakref

import pytest

import lamella as lm
from lamella import _core, nn, optim
from population.world import labelled, members, population, python, small


def runners(trainer):
    """Of its steps, of its predictions and of validation's loss."""
    found = [trainer._step.runner, trainer.forward_runner(5)]
    return found if trainer._loss_runner is None else [*found, trainer._loss_runner[1].runner]


@pytest.mark.parametrize("all_threads", [False, True])
def test_buffers_of_rows_are_the_threads(all_threads):
    """Models have none after a fit or a prediction, whichever way they were trained."""
    x, y = labelled(200)
    _core.share_all_work(all_threads)
    try:
        pop = population(5)
        pop.fit(x, y, epochs=2, validation_data=(x, y))
        pop.predict(x)
    finally:
        _core.share_all_work(False)
    assert [[runner.bytes for runner in runners(trainer)] for trainer in members(pop)] == [[0, 0, 0]] * 5
    model = small()
    alone = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    alone.fit(x, y, validation_data=(x, y))
    assert all(runner.bytes > 0 for runner in runners(alone))


MEASURED = """
from lamella import _core
lm.set_num_threads({threads})
_core.share_all_work({all_threads})
x, y = labelled(4096)
def wide():
    return nn.Sequential(nn.Linear(5, 512), nn.Tanh(), nn.Linear(512, 3))
def grown(n):
    pop = population(n, wide)
    before = megabytes("VmHWM")
    pop.fit(x, y, batch_size=4096, validation_data=(x, y), epochs=2)
    pop.predict(x)
    return megabytes("VmHWM") - before
one = grown(1)
print(one > 8, grown(12) < {threads} * one)
"""


@pytest.mark.parametrize(("threads", "all_threads"), [(1, False), (2, False), (2, True)])
def test_activations_are_once_a_thread(threads, all_threads):
    """At the peak, twelve models take what one takes for each thread: activations are large here, not parameters."""
    assert python(MEASURED.format(threads=threads, all_threads=all_threads)) == "True True"


def test_dropped_models_are_freed():
    """Their weights and their optimizers' slots; histories stay."""
    pop = population(3)
    pop.fit(*labelled(), epochs=2)
    gone = [weakref.ref(member.trainer) for member in pop._members]
    models = [weakref.ref(member.trainer.model) for member in pop._members]
    pop.drop([0, 2])
    gc.collect()
    assert [ref() is None for ref in gone] == [True, False, True]
    assert [ref() is None for ref in models] == [True, False, True]
    assert [h.epochs for h in pop.history.histories] == [2, 2, 2]


def test_a_population_is_freed_at_once():
    """No cycles: by reference counts alone, with all that a fit was given."""
    x, y = labelled()
    on_epoch = type("Told", (), {"__call__": lambda self, model, epoch, record: None})()
    pop = population(3)
    pop.fit(x, y, epochs=2, on_epoch=on_epoch, validation_data=(x, y), patience=1)
    refs = [weakref.ref(each) for each in (pop, on_epoch, members(pop)[0])]
    gc.collect()
    gc.disable()
    try:
        del pop, on_epoch
        assert [ref() for ref in refs] == [None] * 3
    finally:
        gc.enable()


def test_many_fits_hold_nothing():
    """Neither memory nor objects grow from call to call, whatever was asked for and however it ended."""
    program = """
x, y = labelled()
lm.set_num_threads(2)
pop = population(4)
def fail(model, epoch, record):
    if model == 2:
        raise KeyError("mine")
def once():
    pop.fit(x, y, validation_data=(x, y), patience=1)
    pop.fit(x, y, schedule=optim.schedule.ExponentialLR, schedule_settings={"gamma": 0.999}, samples="stratified")
    try:
        pop.fit(x, y, on_epoch=fail)
    except KeyError:
        pass
    pop.predict(x), pop.evaluate(x, y)
for _ in range(5):
    once()
gc.collect()
objects, before = len(gc.get_objects()), megabytes()
for _ in range(20):
    once()
gc.collect()
print(len(gc.get_objects()) - objects < 50, megabytes() - before < 4)
"""
    assert python(program) == "True True"
