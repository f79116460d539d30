"""What does not fit is named, and nothing is trained."""

import numpy as np
import pytest

from lamella import Halving, nn, optim, space
from lamella.nn import Module
from lamella.tuning import running

from .world import data, network, search

WIDTH = {"width": [5]}


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch):
    def begin(trainings, over):
        raise AssertionError("training begins")

    monkeypatch.setattr(running, "run_side_by_side", begin)


def nan(x):
    x = x.copy()
    x[3, 1] = np.nan
    return x


X, Y = data()
CASES = {
    "n 0": ({"n": 0}, ValueError, r"\[search\] n is 0 but must be at least 1"),
    "n missing": ({"n": None}, TypeError, r"\[search\] n, the number of trials, is missing"),
    "n text": ({"n": "9"}, TypeError, r"\[search\] n is '9' but must be an integer"),
    "empty space": ({"settings": {}}, ValueError, r"\[search\] space is empty"),
    "no space": ({"settings": 3}, TypeError, r"\[search\] space is 3 but must be a mapping of names to distributions"),
    "empty list": ({"settings": [], "n": None}, ValueError, r"\[search\] space is an empty list"),
    "list of no mappings": ({"settings": [3]}, TypeError, r"\[search\] space\[0\] is 3 but must be a mapping"),
    "empty choice": ({"settings": {"width": []}}, ValueError, r"\[Choice\] options is empty"),
    "name no text": ({"settings": {3: [5]}}, TypeError, r"\[search\] space has the name 3 but names must be text"),
    "unknown name": (
        {"settings": {**WIDTH, "rate": 1}},
        ValueError,
        r"\[search\] space has 'rate', which nobody takes",
    ),
    "a column": ({"settings": {**WIDTH, "score": 1}}, ValueError, r"space has 'score', a column of the table"),
    "epochs in space": (
        {"settings": {**WIDTH, "epochs": [1]}},
        ValueError,
        r"space has 'epochs', which are the search's",
    ),
    "no such layer": (
        {"settings": {**WIDTH, "GaussianNoise.std": 0.1}},
        ValueError,
        r"\[search\] with \{'width': 5, .*\}: .*there is no layer 'GaussianNoise' with a setting 'std'",
    ),
    "range of a layer": (
        {"settings": {**WIDTH, "dropout": space.Uniform(0.5, 1.5)}},
        ValueError,
        r"\[search\] with \{'width': 5, 'dropout': 1.5\}: \[Dropout\] p is 1.5 but must be in",
    ),
    "range of the optimizer": (
        {"settings": {**WIDTH, "lr": space.Uniform(-1, 1)}},
        ValueError,
        r"\[search\] with \{'width': 5, 'lr': -1.0\}: \[Adam\] lr is -1.0",
    ),
    "range of fit": ({"settings": {**WIDTH, "batch_size": [0]}}, ValueError, r"\[search\] batch_size is 0 but must be"),
    "an option that is no activation": (
        {"settings": {**WIDTH, "activation": [nn.ReLU, 7]}},
        TypeError,
        r"\[search\] with \{'width': 5, 'activation': 7\}: 'int' object is not callable",
    ),
    "needed setting": ({"settings": {"lr": [0.1]}}, ValueError, r"factory needs 'width', which is not in the space"),
    "factory no function": ({"factory": 3}, TypeError, r"\[search\] factory is 3 but must be a function"),
    "factory a model": ({"factory": network(3)}, TypeError, r"\[search\] factory is Sequential"),
    "factory gives no model": (
        {"factory": lambda width: width, "settings": WIDTH},
        TypeError,
        r"\[search\] factory gave 5 but must give a model",
    ),
    "loss": ({"loss": 3}, TypeError, r"\[search\] loss is 3 but must be a Loss"),
    "optimizer": ({"optimizer": "Adam"}, TypeError, r"\[search\] optimizer is 'Adam' but must be a class"),
    "cv 1": ({"cv": 1}, ValueError, r"\[search\] cv is 1 but must be at least 2"),
    "cv too many": ({"cv": 61}, ValueError, r"\[search\] cv is 61 but there are 60 rows"),
    "row of a fold": ({"cv": [([0, 1], [60])]}, ValueError, r"\[search\] cv\[0\] test rows reaches from 60 to 60"),
    "cv and data": ({"cv": 3, "validation_data": (X, Y)}, ValueError, r"\[search\] validation_data and cv are given"),
    "x": ({"x": nan(X)}, ValueError, r"\[search\] x has NaN"),
    "y": ({"y": Y[:-1]}, ValueError, r"\[search\] y has shape \(59,\)"),
    "validation x": ({"validation_data": (nan(X), Y)}, ValueError, r"\[search validation_data\] x has NaN"),
    "no epochs": (
        {"epochs": None},
        TypeError,
        r"\[search\] epochs \(of a model\) or budget \(epochs in all\) is missing",
    ),
    "epochs 0": ({"epochs": 0}, ValueError, r"\[search\] epochs is 0 but must be at least 1"),
    "budget 0": ({"budget": 0}, ValueError, r"\[search\] budget is 0 but must be at least 1"),
    "budget": ({"budget": 39}, ValueError, r"\[search\] budget is 39 epochs but 8 trials of 5 folds need at least 40"),
    "budget for halving": (
        {"budget": 79, "halving": Halving(min_epochs=2)},
        ValueError,
        r"\[search\] budget is 79 epochs but 8 trials of 5 folds need at least 80",
    ),
    "budget for epochs": (
        {"budget": 79, "epochs": 2},
        ValueError,
        r"\[search\] budget is 79 epochs but 8 trials of 5 folds need 80 to come to 2",
    ),
    "budget for one": (
        {"budget": 99, "epochs": 20, "halving": Halving()},
        ValueError,
        r"\[search\] budget is 99 epochs but one trial a round needs 100 to come to 20",
    ),
    "epochs for halving": (
        {"epochs": 2, "halving": Halving(min_epochs=3)},
        ValueError,
        r"\[search\] epochs is 2 but halving has min_epochs 3",
    ),
    "halving": ({"halving": True}, TypeError, r"\[search\] halving is True but must be a Halving"),
    "rounds": ({"rounds": 0}, ValueError, r"\[search\] rounds is 0 but must be at least 1"),
    "rounds of n": ({"rounds": 9}, ValueError, r"\[search\] rounds is 9 but there are 8 trials"),
    "seed": ({"seed": -1}, ValueError, r"\[search\] seed is -1 but must be at least 0"),
    "no seed": ({"seed": None}, TypeError, r"\[search\] seed is None but must be an integer"),
    "keep": ({"keep": -1}, ValueError, r"\[search\] keep is -1 but must be at least 0"),
    "refit": ({"refit": 1}, TypeError, r"\[search\] refit is 1 but must be True or False"),
    "seconds": ({"seconds": 0}, ValueError, r"\[search\] seconds is 0 but must be above 0"),
    "callback": ({"on_trial": 3}, TypeError, r"\[search\] on_trial is 3 but must be a function of a trial"),
    "unknown argument": (
        {"batchsize": 3},
        TypeError,
        r"\[search\] there is no argument 'batchsize'; what fit takes .*",
    ),
    "monitor": ({"monitor": "val_mse"}, ValueError, r"\[search\] monitor is 'val_mse' but an epoch's record has loss"),
    "monitor of a refit": (
        {"schedule": optim.ReduceLROnPlateau, "refit": True},
        ValueError,
        r"\[search\] monitor is 'val_loss' but an epoch's record has loss, accuracy",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case):
    arguments, error, message = CASES[case]
    given = {"x": X, "y": Y, **arguments}
    if arguments.get("epochs", 1) is None:
        given["epochs"] = None
    with pytest.raises(error, match=message):
        search(**given)


def test_lists_and_rounds_or_n():
    settings = [{"width": 3}, {"width": 4}]
    with pytest.raises(ValueError, match=r"rounds is 2 but space is a list of settings"):
        search(settings, rounds=2)
    import lamella as lm

    with pytest.raises(ValueError, match=r"n is 5 but space is a list of 2 settings; n may be left out"):
        lm.search(network, settings, X, Y, 5, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam, epochs=1)


def test_a_factory_that_gives_a_model_twice():
    model = network(5)

    def same(width) -> Module:
        return model

    with pytest.raises(ValueError, match="factory gave a model, or one with a layer, that it gave before"):
        search(WIDTH, factory=same)
