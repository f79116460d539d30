"""The same numbers as PyTorch; skipped where it is not installed."""

import pytest

pytest.register_assert_rewrite("parity.twins")
