"""A set ten times larger than the memory that is allowed for it trains."""

import os

import pytest

from programs import output_of

resource = pytest.importorskip("resource")

#: Rows of 500 numbers; all of them would take 2 GB as float32, 4 GB as they are given.
PROGRAM = """
import resource
import numpy as np
import lamella as lm
from lamella import data, nn, optim

ROWS, CHUNK, WIDTH = 1_000_000, 5_000, 500
model = nn.Sequential(nn.Linear(WIDTH, 4), nn.Tanh(), nn.Linear(4, 1), seed=0)
trainer = lm.Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), lr=1e-3))
block = np.random.default_rng(0).standard_normal((CHUNK, WIDTH))


def chunks(rows):
    for begin in range(0, rows, CHUNK):
        x = np.roll(block, begin // CHUNK, axis=0)
        yield x, x[:, 0] - x[:, 1]


def reserved():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024


few = {few}
trainer.fit(lambda: chunks(20_000), batch_size=256)
before = reserved()
resource.setrlimit(resource.RLIMIT_AS, (before + 200 * 2**20, resource.RLIM_INFINITY))
losses = trainer.fit(lambda: chunks(ROWS if few is None else few), epochs=1, batch_size=256, {options})["loss"]
print(np.isfinite(losses).all(), losses[0] < 1)
"""


def run(options="", few=None):
    return output_of(PROGRAM.format(options=options, few=few), 300, {**os.environ, "OMP_NUM_THREADS": "2"})


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_ten_times_the_memory():
    assert run() == "True True"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_the_same_limit_with_augmentation():
    assert run("augment=lambda x, rng: x + rng.standard_normal(x.shape, np.float32) * 0.1", 100_000) == "True True"
