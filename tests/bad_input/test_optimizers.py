"""Every hyper-parameter of every optimizer: wrong values and types are refused and named."""

import math

import numpy as np
import pytest

from bad_input.world import parameters
from lamella import optim

NUMBER = {"text": ("x", TypeError), "a bool": (True, TypeError), "NaN": (math.nan, ValueError)}
POSITIVE = {**NUMBER, "negative": (-0.5, ValueError), "infinite": (math.inf, ValueError)}
ABOVE = {**NUMBER, "zero": (0, ValueError), "negative": (-1.0, ValueError)}
SHARE = {**POSITIVE, "above one": (1.5, ValueError)}
FLAG = {"a number": (1, TypeError), "None": (None, TypeError)}
COUNT = {"a share": (0.5, TypeError), "negative": (-1, ValueError)}
BETAS = {
    "a number": (0.9, TypeError),
    "three": ((0.9, 0.9, 0.9), TypeError),
    "one": ((0.9, 1.0), ValueError),
    "negative": ((-0.1, 0.9), ValueError),
    "text": (("x", 0.9), TypeError),
}

COMMON = {"lr": POSITIVE, "weight_decay": POSITIVE, "l1": POSITIVE, "decay_bias": FLAG, "maximize": FLAG}
COMMON |= {"max_norm": ABOVE, "clip_value": ABOVE, "clip_norm": ABOVE}
OWN = {
    "SGD": {"momentum": POSITIVE, "dampening": NUMBER, "nesterov": FLAG},
    "Adagrad": {"lr_decay": POSITIVE, "initial_accumulator_value": POSITIVE, "eps": POSITIVE},
    "Adadelta": {"rho": SHARE, "eps": POSITIVE},
    "RMSprop": {"alpha": SHARE, "eps": POSITIVE, "momentum": POSITIVE, "centered": FLAG},
    "Adam": {
        "betas": BETAS,
        "eps": POSITIVE,
        "amsgrad": FLAG,
        "bias_correction": FLAG,
        "decoupled_weight_decay": FLAG,
    },
    "AdamW": {"betas": BETAS, "eps": POSITIVE, "amsgrad": FLAG, "bias_correction": FLAG},
    "NAdam": {"betas": BETAS, "eps": POSITIVE, "momentum_decay": POSITIVE, "decoupled_weight_decay": FLAG},
    "RAdam": {"betas": BETAS, "eps": POSITIVE, "decoupled_weight_decay": FLAG},
    "Adamax": {"betas": BETAS, "eps": POSITIVE},
    "Lion": {"betas": BETAS},
    "LAMB": {"betas": BETAS, "eps": POSITIVE, "bias_correction": FLAG},
    "Adafactor": {
        "beta2_decay": {**NUMBER, "positive": (0.1, ValueError)},
        "eps": {"a number": (0.1, TypeError), "negative": ((-1.0, 0.1), ValueError), "None": ((None, None), TypeError)},
        "d": {**NUMBER, "below one": (0.5, ValueError)},
    },
    "Muon": {
        "momentum": {**POSITIVE, "one": (1.0, ValueError), "Nesterov's without": (0.0, ValueError)},
        "nesterov": FLAG,
        "ns_coefficients": {"two": ((1, 2), TypeError), "text": ((1, 2, "x"), TypeError)},
        "eps": POSITIVE,
        "ns_steps": {**COUNT, "none": (0, ValueError), "too many": (100, ValueError)},
        "adjust_lr_fn": {"unknown": ("other", ValueError)},
        "orthogonalize": FLAG,
        "adamw_lr": POSITIVE,
        "adamw_betas": BETAS,
        "adamw_eps": POSITIVE,
    },
    "ScheduleFreeAdamW": {
        "betas": {**BETAS, "zero": ((0.0, 0.9), ValueError)},
        "eps": POSITIVE,
        "warmup_steps": COUNT,
        "r": POSITIVE,
        "weight_lr_power": POSITIVE,
    },
}
CASES = [
    pytest.param(name, setting, value, kind, id=f"{name} {setting} {case}")
    for name, own in OWN.items()
    for setting, cases in {**COMMON, **own}.items()
    for case, (value, kind) in cases.items()
]


@pytest.mark.parametrize(("name", "setting", "value", "kind"), CASES)
def test_settings(name, setting, value, kind):
    make = getattr(optim, name)
    with pytest.raises(kind) as caught:
        make(parameters(), **{setting: value})
    text = str(caught.value)
    assert text.startswith(f"[{name}] ")
    assert setting in text or "nesterov" in text
    assert " but must be " in text or " needs " in text
    if setting == "clip_norm":
        return
    optimizer = make(parameters())
    group = optimizer.param_groups[0]
    before = dict(group)
    with pytest.raises(kind):
        group[setting] = value
    assert dict(group) == before
    saved = optimizer.state_dict()
    saved["param_groups"][0][setting] = value
    with pytest.raises((TypeError, ValueError)):
        optimizer.load_state_dict(saved)
    assert dict(group) == before


@pytest.mark.parametrize("name", OWN)
def test_all_are_listed(name):
    listed = {*COMMON, *OWN[name]} - {"clip_norm"}
    implied = {"params", "decoupled_weight_decay"} if name == "AdamW" else {"params"}
    assert set(getattr(optim, name)(parameters()).param_groups[0]) - implied == listed


@pytest.mark.parametrize("name", OWN)
def test_unknown_settings(name):
    with pytest.raises(TypeError, match=rf"^\[{name}\] there is no setting 'foreach'"):
        getattr(optim, name)(parameters(), foreach=True)
    with pytest.raises(ValueError, match=rf"^\[{name}\] a parameter group has unknown settings: foreach"):
        getattr(optim, name)([{"params": parameters(), "foreach": True}])


def test_what_is_always_so_cannot_be_set():
    with pytest.raises(TypeError, match=r"^\[AdamW\] there is no setting 'decoupled_weight_decay'"):
        optim.AdamW(parameters(), decoupled_weight_decay=False)


STORED = {
    "SGD": ("momentum", 0.9),
    "RMSprop": ("centered", True),
    "Adam": ("amsgrad", True),
    "Muon": ("orthogonalize", False),
}


@pytest.mark.parametrize("name", STORED)
def test_what_changes_the_storage(name):
    setting, value = STORED[name]
    optimizer = getattr(optim, name)(parameters())
    with pytest.raises(ValueError, match=rf"\[{name}\] {setting} changes what is stored; make a new optimizer"):
        optimizer.param_groups[0][setting] = value


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("NAdam", "mu_product", None),
        ("NAdam", "mu_product", "x"),
        ("NAdam", "mu_product", np.ones(2)),
        ("NAdam", "mu_product", math.nan),
        ("ScheduleFreeAdamW", "weight_sum", -1.0),
        ("Adafactor", "row_var", np.ones((3, 2))),
        ("Adafactor", "variance", None),
    ],
)
def test_states(name, key, value):
    optimizer = getattr(optim, name)(parameters())
    optimizer.step()
    saved = optimizer.state_dict()
    number = next(i for i, entry in saved["state"].items() if key in entry)
    saved["state"][number][key] = value
    saved["state"][0]["step"] = 7.0
    saved["clip_norm"] = 1.0
    before = {i: dict(entry) for i, entry in optimizer.state_dict()["state"].items()}
    with pytest.raises((TypeError, ValueError), match=rf"^\[{name}.load_state_dict\] {key} of "):
        optimizer.load_state_dict(saved)
    after = optimizer.state_dict()
    assert after["clip_norm"] is None
    for i, entry in before.items():
        for k, v in entry.items():
            np.testing.assert_array_equal(after["state"][i][k], v)


def test_the_mode_of_a_schedule_free_state():
    optimizer = optim.ScheduleFreeAdamW(parameters())
    saved = optimizer.state_dict()
    saved["param_groups"][0]["train_mode"] = "no"
    with pytest.raises(TypeError, match="train_mode is 'no' but must be True or False"):
        optimizer.load_state_dict(saved)
