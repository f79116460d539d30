"""Populations, the same models trained alone, and programs that run in a process of their own."""

import os
import sys

import numpy as np

import lamella as lm
from lamella import nn, optim
from programs import output_of
from trainer.world import assert_same, everything, labelled

__all__ = ["assert_same", "everything", "labelled"]


def small(**options):
    """Two layers: for what does not depend on the model."""
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3), **options)


def population(n=4, factory=small, **options):
    """Of classifiers."""
    return lm.Population(factory, n, **{"loss": nn.CrossEntropyLoss(), "optimizer": optim.Adam, **options})


def members(pop):
    """The trainers of all models that are not dropped."""
    return [member.trainer for member in pop._members if member.out != "dropped"]


def all_of(pop):
    """All that fits change, flat."""
    return {
        f"model {k} {key}": value
        for k, trainer in enumerate(members(pop))
        for key, value in {
            **everything(trainer),
            "rates": [group.initial_lr for group in trainer.optimizer.param_groups],
            "training": trainer.optimizer.training,
        }.items()
    }


IMPORTS = """
import gc, os, signal, sys, threading, time
import numpy as np
import lamella as lm
from lamella import nn, optim
from population.world import all_of, labelled, megabytes, members, population, small
"""


def python(program, seconds=60, imports=IMPORTS):
    """Standard output of a program in a process of its own, which must end well."""
    path = os.pathsep.join([os.path.dirname(os.path.dirname(__file__)), *sys.path])
    return output_of(imports + program, seconds, {**os.environ, "PYTHONPATH": path})


def megabytes(key="VmRSS"):
    """Resident memory of this process; by "VmHWM" its peak."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024


def spread(settings, n):
    """{name: value of each of n models} of a function that gives one model's."""
    own = [settings(k) for k in range(n)]
    return {key: [each[key] for each in own] for key in own[0]}


def assert_equal_arrays(got, want):
    np.testing.assert_array_equal(got, want, strict=True)
