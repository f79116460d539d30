"""The fixture that the tests of wrong inputs share."""

import pytest

from bad_input.world import World


@pytest.fixture
def world():
    return World()
