"""Augmentation of batches: functions of (x, rng) for ``Trainer.fit(augment=...)``, of images and of sounds as rows.

Each row gets a random change of its own; what they are given stays as it is, and what they return has the same shape
and dtype. All random numbers come from ``rng``.

>>> import numpy as np
>>> from lamella.data import augment
>>> change = augment.Compose(augment.Rotate((28, 28), degrees=10), augment.Shift((28, 28), pixels=2))
>>> change(np.zeros((32, 784), np.float32), np.random.default_rng(0)).shape
(32, 784)
"""

from lamella.data.augment.audio import Gain, Pitch, Tempo, TimeShift
from lamella.data.augment.compose import Compose, Sometimes
from lamella.data.augment.elastic import Elastic
from lamella.data.augment.image import Flip, Rotate, Shift
from lamella.data.augment.noise import Noise

__all__ = ["Compose", "Elastic", "Flip", "Gain", "Noise", "Pitch", "Rotate", "Shift", "Sometimes", "Tempo", "TimeShift"]
