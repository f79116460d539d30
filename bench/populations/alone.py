"""lamella: one model by Trainer.fit."""

from dataclasses import replace

import numpy as np

from lamella.bench.systems import lamella_step
from lamella.bench.workloads import Array
from populations import Trained
from populations.networks import Task


def make(task: Task, name: str) -> Trained:
    """The first model on as many threads as the task has."""
    network = task.network
    trainer = lamella_step.make_trainer(network, task.threads)
    x, y = task.data()

    def epochs(count: int, shuffle: bool) -> Array:
        found = trainer.fit(x, y, epochs=count, batch_size=network.batch, shuffle=shuffle, drop_last=True)
        return np.array([found["loss"][-1]])

    return Trained(f"{lamella_step.describe()} Trainer.fit", replace(task, models=1), epochs)
