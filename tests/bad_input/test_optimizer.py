"""Wrong settings and parameters of an optimizer are refused, when it is made and afterwards."""

import operator

import numpy as np
import pytest

from bad_input.world import assert_untouched, parameters, refuse
from lamella import nn, optim

OPTIMIZERS = {
    "lr negative": (lambda p: optim.SGD(p, lr=-0.1), ValueError, r"\[SGD\] lr is -0.1 but must be at least 0"),
    "lr NaN": (lambda p: optim.Adam(p, lr=np.nan), ValueError, r"\[Adam\] lr is nan but must be at least 0"),
    "lr infinite": (lambda p: optim.RMSprop(p, lr=np.inf), ValueError, r"\[RMSprop\] lr is inf but must be"),
    "lr text": (lambda p: optim.SGD(p, lr="0.1"), TypeError, r"lr is '0.1' but must be a number"),
    "lr None": (lambda p: optim.SGD(p, lr=None), TypeError, r"lr is None but must be a number"),
    "lr a bool": (lambda p: optim.SGD(p, lr=True), TypeError, r"lr is True but must be a number"),
    "lr complex": (lambda p: optim.SGD(p, lr=1j), TypeError, r"lr is 1j but must be a number"),
    "lr a list": (lambda p: optim.SGD(p, lr=[0.1]), TypeError, r"lr is \[0.1\] but must be a number"),
    "momentum": (lambda p: optim.SGD(p, momentum=-0.9), ValueError, r"momentum is -0.9 but must be at least 0"),
    "weight_decay": (lambda p: optim.SGD(p, weight_decay=-1), ValueError, r"weight_decay is -1 but must be at least 0"),
    "dampening NaN": (lambda p: optim.SGD(p, dampening=np.nan), ValueError, r"dampening is nan but must be finite"),
    "nesterov alone": (
        lambda p: optim.SGD(p, nesterov=True),
        ValueError,
        r"nesterov needs momentum > 0 and dampening 0",
    ),
    "nesterov, dampened": (
        lambda p: optim.SGD(p, nesterov=True, momentum=0.9, dampening=0.1),
        ValueError,
        r"nesterov needs momentum > 0 and dampening 0, not 0.9 and 0.1",
    ),
    "nesterov a number": (
        lambda p: optim.SGD(p, momentum=0.9, nesterov=1),
        TypeError,
        r"nesterov is 1 but must be True",
    ),
    "alpha": (lambda p: optim.RMSprop(p, alpha=1.1), ValueError, r"alpha is 1.1 but must be in \[0, 1\]"),
    "eps": (lambda p: optim.RMSprop(p, eps=-1), ValueError, r"eps is -1 but must be at least 0"),
    "centered": (lambda p: optim.RMSprop(p, centered="yes"), TypeError, r"centered is 'yes' but must be True or False"),
    "beta of one": (
        lambda p: optim.Adam(p, betas=(1.0, 0.9)),
        ValueError,
        r"betas\[0\] is 1.0 but must be in \[0, 1\)",
    ),
    "second beta": (
        lambda p: optim.Adam(p, betas=(0.9, -0.1)),
        ValueError,
        r"betas\[1\] is -0.1 but must be in \[0, 1\)",
    ),
    "one beta": (lambda p: optim.Adam(p, betas=0.9), TypeError, r"betas is 0.9 but must be a pair"),
    "three betas": (lambda p: optim.Adam(p, betas=(0.9, 0.9, 0.9)), TypeError, r"betas is .* but must be a pair"),
    "beta text": (lambda p: optim.Adam(p, betas=("a", 0.9)), TypeError, r"betas\[0\] is 'a' but must be a number"),
    "amsgrad": (lambda p: optim.Adam(p, amsgrad=0), TypeError, r"amsgrad is 0 but must be True or False"),
    "decay_bias": (lambda p: optim.Adam(p, decay_bias=0), TypeError, r"decay_bias is 0 but must be True or False"),
    "no parameters": (lambda p: optim.SGD([]), ValueError, r"\[SGD\] params is empty"),
    "of a model without any": (
        lambda p: optim.SGD(nn.Sequential(nn.ReLU()).parameters()),
        ValueError,
        r"params is empty",
    ),
    "a group without any": (lambda p: optim.SGD([{"params": []}]), ValueError, r"\[SGD\] .*empty"),
    "the model": (lambda p: optim.SGD(nn.Linear(6, 3)), TypeError, r"params is Linear.*model.parameters\(\)"),
    "a sequential": (lambda p: optim.SGD(nn.Sequential(nn.Linear(6, 3))), TypeError, r"Linear\(.*is no parameter"),
    "one parameter": (lambda p: optim.SGD(p[0]), TypeError, r"params is Parameter.*must be a list of parameters"),
    "arrays": (lambda p: optim.SGD([q.data for q in p]), TypeError, r"is no parameter of a lamella model"),
    "names and parameters": (lambda p: optim.SGD([("a", p[0])]), TypeError, r"is no parameter of a lamella model"),
    "nothing": (lambda p: optim.SGD(None), TypeError, r"params is None but must be a list"),
    "a group of what": (lambda p: optim.SGD([{"params": 5}]), TypeError, r"\[SGD\] .*5"),
    "twice": (lambda p: optim.SGD([p[0], p[0]]), ValueError, r"parameter 0.weight is given twice"),
    "in two groups": (lambda p: optim.SGD([{"params": p}, {"params": p[:1]}]), ValueError, r"0.weight is given twice"),
    "no key": (lambda p: optim.SGD([{"parameters": p}]), TypeError, r'a parameter group is a dict with "params"'),
    "unknown setting": (lambda p: optim.SGD([{"params": p, "beta": 1}]), ValueError, r"unknown settings: beta"),
    "a group's lr": (lambda p: optim.SGD([{"params": p, "lr": -1}]), ValueError, r"lr is -1 but must be at least 0"),
    "unused": (lambda p: optim.SGD([nn.Linear(6, 3).weight]), ValueError, r"has no values yet; .*model.parameters\(\)"),
}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_optimizers(case):
    make, kind, message = OPTIMIZERS[case]
    with pytest.raises(kind, match=message) as caught:
        make(parameters())
    assert str(caught.value).startswith("[")


def set_group(key, value):
    def change(world):
        world.optimizer.param_groups[0][key] = value

    return change


SETTINGS = {
    "lr": (set_group("lr", -1), ValueError, r"\[Adam\] lr is -1 but must be at least 0"),
    "betas": (set_group("betas", (0.9, 1.0)), ValueError, r"betas\[1\] is 1.0 but must be in \[0, 1\)"),
    "unknown": (set_group("momentum", 0.9), KeyError, r"\[Adam\] there is no setting 'momentum'"),
    "params": (set_group("params", []), KeyError, r"\[Adam\] there is no setting 'params' to set"),
    "amsgrad": (set_group("amsgrad", True), ValueError, r"amsgrad changes what is stored; make a new optimizer"),
    "lr of all": (
        lambda w: setattr(w.optimizer, "lr", np.nan),
        ValueError,
        r"\[Adam\] lr is nan but must be at least 0",
    ),
    "lr text": (lambda w: setattr(w.optimizer, "lr", "0.1"), TypeError, r"\[Adam\] lr is '0.1' but must be a number"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_of_groups(case, world):
    refuse(world, *SETTINGS[case])


def test_a_bad_lr_changes_no_group():
    first, second, *others = parameters()
    optimizer = optim.SGD([{"params": [first]}, {"params": [second, *others], "lr": 0.5}], lr=0.25)
    with pytest.raises(ValueError, match="lr is -1"):
        optimizer.lr = -1
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5]


CHANGES = {
    "item": lambda group: group.__setitem__("weight_decay", 0.5),
    "update": lambda group: group.update(weight_decay=0.5),
    "or": lambda group: operator.ior(group, {"weight_decay": 0.5}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_setting_takes_effect_however_it_is_set(change):
    """Or the way is refused: what a group shows is what the next step uses."""
    model = nn.Sequential(nn.Linear(6, 3))
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    try:
        CHANGES[change](optimizer.param_groups[0])
    except (TypeError, ValueError, KeyError):
        return
    before = model[0].weight.data.copy()
    optimizer.step()
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    np.testing.assert_allclose(model[0].weight.data, 0.5 * before, rtol=1e-6)


def test_decay_bias_takes_effect_when_set():
    """Or setting it is refused."""
    model = nn.Sequential(nn.Linear(6, 3))
    optimizer = optim.SGD(model.parameters(), lr=1.0, weight_decay=0.5)
    model[0].bias.data[...] = 1
    try:
        optimizer.param_groups[0]["decay_bias"] = True
    except ValueError:
        return
    optimizer.step()
    np.testing.assert_allclose(model[0].bias.data, 0.5)


def test_a_setting_cannot_be_removed(world):
    group = world.optimizer.param_groups[0]
    for remove in (lambda: group.pop("lr"), lambda: group.__delitem__("eps"), group.clear, group.popitem):
        with pytest.raises((TypeError, KeyError)):
            remove()
    assert_untouched(world)
