"""Models that are trained one after another, by the steps that bench/step.py compares."""

from dataclasses import replace

import numpy as np

from lamella.bench import systems
from lamella.bench.workloads import Array
from populations import Trained
from populations.networks import Task

#: The module of each, and how many models are trained: the time is the same for each.
_MODULES = {"step": ("lamella", 1), "torch": ("torch", 4), "compile": ("compile", 1)}


def make(task: Task, name: str) -> Trained:
    """A step function for each model; one model's epochs end before the next one's begin."""
    package, most = _MODULES[name]
    task = replace(task, models=min(task.models, most))
    module = systems.load(package)
    steps = [module.make(task.member(number), task.threads) for number in range(task.models)]
    x, y = task.data()

    def epochs(count: int, shuffle: bool) -> Array:
        for place, step in enumerate(steps):
            for epoch in range(count):
                losses = [step(*batch) for batch in task.batches(x, y, epoch, shuffle)]
            final[place] = np.mean(losses)
        return final

    final = np.empty(task.models)
    return Trained(f"{module.describe()} step", task, epochs)
