"""Modules and containers: structure, modes, memory, sharing, copies, seeds; and one training in three spellings."""

import pytest

pytest.register_assert_rewrite("module.networks")
