"""Wrong thread counts, and networks that do not fit into memory, are errors and no crash."""

import subprocess
import sys

import pytest

import lamella as lm

# Threads.

THREADS = {0: ValueError, -1: ValueError, 1.5: TypeError, 2.0: TypeError, "2": TypeError, None: TypeError}
THREADS |= {True: TypeError, 2**31: (TypeError, ValueError), 10**30: (TypeError, ValueError)}


@pytest.mark.parametrize("threads", THREADS, ids=repr)
def test_threads(threads):
    before = lm.get_num_threads()
    with pytest.raises(THREADS[threads], match=rf"^\[set_num_threads\] threads is {threads!r}"):
        lm.set_num_threads(threads)
    assert lm.get_num_threads() == before


# What would otherwise be a crash.

TOO_LARGE = """
import resource
import numpy as np
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from lamella import nn

def refused(call):
    try:
        call()
    except (MemoryError, ValueError, OverflowError, TypeError) as error:
        assert str(error) or isinstance(error, MemoryError)
        return
    raise SystemExit("not refused")

for width in (10**6, 2**31, 2**32, 2**40, 10**30):
    refused(lambda width=width: nn.Sequential(nn.Linear(width, width)).parameters())
refused(nn.Sequential(nn.Linear(10, 2**31), nn.Linear(2**31, 1)).parameters)
model = nn.Sequential(nn.Linear(1, 60000))
x = np.ones((60000, 1), np.float32)
for _ in range(2):
    refused(lambda: model(x))
assert model(x[:3]).shape == (3, 60000)  # goes on
print("alive")
"""


def test_what_does_not_fit_into_memory_is_an_error():
    """In a process of its own with 4 GiB of addresses, as what it guards against is a crash."""
    done = subprocess.run([sys.executable, "-c", TOO_LARGE], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr[-500:]
