"""Every wrong input is refused by an error that says where, what and what was expected; and nothing has changed."""

import pytest

pytest.register_assert_rewrite("bad_input.world")
