"""Trainings that the tests of reports share."""

import pytest

import lamella as lm
from report.world import classifier, regressor


@pytest.fixture(autouse=True)
def one_thread():
    """These networks are small, and other work on the machine must not make these tests slow."""
    before = lm.get_num_threads()
    lm.set_num_threads(1)
    yield
    lm.set_num_threads(before)


@pytest.fixture(scope="session")
def classified():
    return classifier()


@pytest.fixture(scope="session")
def regressed():
    return regressor()
