"""Trainings: schedules, early stopping, divergence, range tests, mixup, sampling, stopping and going on."""

import pytest

pytest.register_assert_rewrite("trainer.world")
