"""Every optimizer, plain and with all that changes its algebra; networks and data to try them on."""

import numpy as np

from lamella import nn, optim

COMMON = {"l1": 1e-3, "max_norm": 0.9, "clip_value": 0.05, "clip_norm": 0.5, "decay_bias": True}

#: (class, settings).
EVERY = {
    "SGD": (optim.SGD, {"lr": 0.05}),
    "SGD momentum": (optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}),
    "Adagrad": (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    "Adadelta": (optim.Adadelta, {"weight_decay": 1e-2}),
    "RMSprop": (optim.RMSprop, {"centered": True, "momentum": 0.5}),
    "Adam": (optim.Adam, {"lr": 0.01, "amsgrad": True}),
    "Adam uncorrected": (optim.Adam, {"lr": 0.01, "bias_correction": False}),
    "AdamW": (optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
    "NAdam": (optim.NAdam, {"lr": 0.01}),
    "RAdam": (optim.RAdam, {"lr": 0.01, "betas": (0.9, 0.9)}),
    "Adamax": (optim.Adamax, {"lr": 0.01}),
    "Adafactor": (optim.Adafactor, {"lr": 0.05}),
    "Muon": (optim.Muon, {"lr": 0.02, "adamw_lr": 0.01}),
    "Muon, AdamW": (optim.Muon, {"lr": 0.02, "orthogonalize": False}),
    "Lion": (optim.Lion, {"lr": 1e-3, "weight_decay": 0.1}),
    "LAMB": (optim.LAMB, {"lr": 0.02}),
    "schedule-free": (optim.ScheduleFreeAdamW, {"lr": 0.02, "warmup_steps": 5, "weight_decay": 1e-2}),
}
NAMES = list(EVERY)


def make(name, model, **more):
    kind, settings = EVERY[name]
    return kind(model.parameters(), **{**settings, **more})


def network(dtype="float64", seed=0):
    """Odd sizes, a single output, parameters of one chunk and of several."""
    return nn.Sequential(
        nn.Linear(7, 129),
        nn.Tanh(),
        nn.Linear(129, 33),
        nn.BatchNorm1d(33),
        nn.Tanh(),
        nn.Linear(33, 3),
        nn.Tanh(),
        nn.Linear(3, 1),
        seed=seed,
        dtype=dtype,
    )


def data(n=90, seed=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 7)), rng.standard_normal((n, 1))


def contents(model, optimizer):
    """All that a training changes, flat."""
    state = optimizer.state_dict()["state"]
    slots = {f"{i} {key}": np.asarray(value) for i, entry in state.items() for key, value in entry.items()}
    return {**model.state_dict(), **slots}


def assert_same(got, want):
    assert set(got) == set(want)
    for key, value in want.items():
        np.testing.assert_array_equal(got[key], value, err_msg=key, strict=True)
