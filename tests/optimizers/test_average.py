"""Averages of weights: in the trainer, in place of the weights, over a stop."""

import copy
import pickle

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from optimizers.every import assert_same, data, network


def setup(decay=0.8, dtype="float64", accumulate=1, kind=optim.Adam):
    model = network(dtype)
    optimizer = kind(model.parameters(), lr=0.01)
    average = optim.WeightAverage(optimizer, decay)
    return model, optimizer, average, lm.Trainer(model, nn.MSELoss(), optimizer, accumulate=accumulate, average=average)


def averages(average):
    return {str(key): value for key, value in average.state_dict()["averages"].items()}


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("decay", [0.8, None])
def test_by_hand_by_steps_and_by_fit(decay, accumulate):
    """The same bits; one average an update."""
    x, y = (a.astype("float32") for a in data())
    found = []
    for way in ("update", "step", "fit"):
        model, optimizer, average, trainer = setup(decay, "float32", accumulate)
        if way == "fit":
            trainer.fit(x, y, epochs=2, batch_size=30, shuffle=False)
        elif way == "update":
            trainer = lm.Trainer(model, nn.MSELoss(), optimizer, accumulate=accumulate)
        for count, begin in enumerate([0, 30, 60] * 2 if way != "fit" else [], 1):
            trainer.step(x[begin : begin + 30], y[begin : begin + 30])
            if way == "update" and count % accumulate == 0:
                average.update()
        assert average.n_averaged == 6 / accumulate
        found.append({**averages(average), **model.state_dict()})
    assert_same(found[1], found[0])
    assert_same(found[2], found[0])


def test_validation_uses_the_average():
    x, y = data()
    model, _, average, trainer = setup()
    history = trainer.fit(x, y, epochs=3, validation_data=(x, y))
    trained = trainer.evaluate(x, y)["loss"]
    assert history["val_loss"][-1] != trained
    with average.applied() as same:
        assert same is average
        assert average.swapped
        assert trainer.evaluate(x, y)["loss"] == history["val_loss"][-1]
        np.testing.assert_array_equal(model.parameters()[0].data, average.state_dict()["averages"][0])
    assert trainer.evaluate(x, y)["loss"] == trained


def test_weights_come_back_whatever_happens():
    model, _, average, trainer = setup()
    trainer.step(*data())
    before = model.state_dict()
    with pytest.raises(ZeroDivisionError), average.applied():
        raise ZeroDivisionError
    assert_same(model.state_dict(), before)
    average.swap()
    average.swap()
    assert_same(model.state_dict(), before)


def test_training_waits_until_they_are_back():
    x, y = data()
    model, _, average, trainer = setup()
    trainer.step(x, y)
    with average.applied():
        before = model.state_dict()
        for call in (
            average.update,
            lambda: trainer.step(x, y),
            lambda: trainer.fit(x, y),
            average.applied().__enter__,
        ):
            with pytest.raises(RuntimeError, match=r"\[WeightAverage\] the model holds the averages now"):
                call()
        assert_same(model.state_dict(), before)


def test_stopping_and_going_on_is_never_stopping():
    x, y = data()
    model, optimizer, average, trainer = setup()
    other, second, later, goes_on = setup(decay=0.1)
    trainer.fit(x, y, epochs=1, shuffle=False)
    other.load_state_dict(model.state_dict())
    second.load_state_dict(optimizer.state_dict())
    later.load_state_dict(average.state_dict())
    assert repr(later) == repr(average) == "WeightAverage(decay=0.8)  # of 3 steps"
    for each in (trainer, goes_on):
        each.fit(x, y, epochs=1, shuffle=False)
    assert_same(averages(later), averages(average))


def test_some_parameters_of_a_model():
    model = network()
    first, *_ = model.parameters()
    average = optim.WeightAverage(optim.SGD([first]), None)
    before = model.state_dict()
    first.data[...] += 1
    with average.applied():
        assert_same(model.state_dict(), before)


def test_a_schedule_free_optimizer_too():
    x, y = data()
    _, optimizer, _, trainer = setup(kind=optim.ScheduleFreeAdamW)
    history = trainer.fit(x, y, epochs=2, validation_data=(x, y))
    assert not optimizer.training
    assert len(history["val_loss"]) == 2
    assert trainer.evaluate(x, y)["loss"] != history["val_loss"][-1]


def test_what_it_held_is_given_back():
    model = network()
    for _ in range(40):
        optim.WeightAverage(model).update()


def state(**changes):
    return {**optim.WeightAverage(network()).state_dict(), **changes}


BAD = {
    "source": (lambda a, m: optim.WeightAverage(m.parameters()), TypeError, "source is .* but must be an Optimizer or"),
    "decay": (lambda a, m: optim.WeightAverage(m, 1.5), ValueError, r"decay is 1.5 but must be in \[0, 1\]"),
    "decay text": (lambda a, m: optim.WeightAverage(m, "x"), TypeError, "decay is 'x' but must be a number"),
    "nothing": (lambda a, m: optim.WeightAverage(nn.Sequential(nn.ReLU())), ValueError, "no parameters"),
    "no state": (lambda a, m: a.load_state_dict(None), ValueError, "state is None"),
    "a key": (lambda a, m: a.load_state_dict({"decay": 0.5}), ValueError, "must be a mapping with 'n_averaged'"),
    "count": (lambda a, m: a.load_state_dict(state(n_averaged=-1)), ValueError, "n_averaged is -1"),
    "saved decay": (lambda a, m: a.load_state_dict(state(decay=2)), ValueError, "decay is 2 but must be"),
    "averages": (lambda a, m: a.load_state_dict(state(averages={})), ValueError, "averages must be of 10 parameters"),
    "shape": (
        lambda a, m: a.load_state_dict(state(averages={**state()["averages"], 3: np.ones(2)})),
        ValueError,
        r"the average of .* has shape \(2,\), not",
    ),
    "trainer": (
        lambda a, m: lm.Trainer(m, nn.MSELoss(), optim.SGD(m.parameters()), average=0.9),
        TypeError,
        "average is 0.9 but must be a WeightAverage",
    ),
    "another model's": (
        lambda a, m: lm.Trainer(m, nn.MSELoss(), optim.SGD(m.parameters()), average=optim.WeightAverage(network())),
        ValueError,
        "average holds parameters that are not this model's",
    ),
    "copy": (lambda a, m: copy.deepcopy(a), TypeError, "not copied or pickled"),
    "pickle": (lambda a, m: pickle.dumps(a), TypeError, "not copied or pickled"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, kind, message = BAD[case]
    model = network()
    average = optim.WeightAverage(model)
    before = averages(average)
    with pytest.raises(kind, match=r"\[(WeightAverage|Trainer)[^]]*\] .*" + message):
        call(average, model)
    assert_same(averages(average), before)
    assert average.n_averaged == 0


def test_a_part_that_became_another_model():
    first = nn.Linear(2, 2)
    average = optim.WeightAverage(first)
    nn.Sequential(first, nn.Linear(2, 1)).parameters()
    for call in (average.update, average.swap):
        with pytest.raises(RuntimeError, match="has become part of another model"):
            call()


def test_a_trainer_is_neither_saved_nor_loaded_while_the_model_holds_averages():
    model, _, average, trainer = setup()
    trainer.fit(*data())
    state = trainer.state_dict()
    with average.applied():
        before = model.state_dict()
        for call in (trainer.state_dict, lambda: trainer.load_state_dict(state)):
            with pytest.raises(RuntimeError, match="the model holds the averages now"):
                call()
        for key, value in model.state_dict().items():
            np.testing.assert_array_equal(value, before[key])


def test_states_of_what_moved_away_are_refused():
    model, optimizer, average, trainer = setup()
    trainer.fit(*data())
    states = optimizer.state_dict(), average.state_dict()
    nn.Sequential(model, nn.Linear(1, 2), dtype="float64").parameters()
    for owner, state in zip((optimizer, average), states, strict=True):
        for call in (owner.state_dict, lambda owner=owner, state=state: owner.load_state_dict(state)):
            with pytest.raises(RuntimeError, match="has become part of another model"):
                call()
