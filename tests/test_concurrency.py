"""Beside other threads, processes, libraries and signals. What could hang or crash runs in a process with a limit."""

import hashlib
import inspect
import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from programs import output_of

pytestmark = pytest.mark.usefixtures("share_all_work")


def data(n=512):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 64)), rng.integers(10, size=n)


def trainer(seed=0):
    """Of a small network, whose steps are shared among threads all the same."""
    model = nn.Sequential(
        nn.Linear(64, 200), nn.BatchNorm1d(200), nn.ReLU(), nn.Dropout(0.2), nn.Linear(200, 10), seed=seed
    )
    return lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3))


def trained(seed=0, epochs=2, batch_size=256):
    own = trainer(seed)
    own.fit(*data(), epochs=epochs, batch_size=batch_size)
    return own


#: The same functions in a process of its own.
SETUP = "\n".join(
    [
        "import os, signal, sys, threading, time",
        "import numpy as np",
        "import lamella as lm",
        "from lamella import _core, nn, optim",
        "_core.share_all_work(True)",
        *map(inspect.getsource, (data, trainer, trained)),
    ]
)


def bits(own):
    return b"".join(value.tobytes() for value in own.model.state_dict().values())


def python(program, seconds=60, **environment):
    """Standard output of a program after SETUP, in a process of its own."""
    return output_of(SETUP + program, seconds, {**os.environ, **environment})


# Import.


def test_import_brings_only_numpy(record_property):
    """What files, scikit-learn's interface or plots need is imported when they are used.

    The time beyond NumPy's own is reported (in JUnit's file, as ``import_ms``), not judged.
    """
    program = """
import sys, time
import numpy
begin = time.perf_counter()
import lamella
print(round(1000 * (time.perf_counter() - begin), 1))
heavy = ["safetensors", "sklearn", "scipy", "matplotlib", "rich", "torch", "pandas", "jax", "asyncio", "numpy.ma"]
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    milliseconds, found = done.stdout.splitlines()
    record_property("import_ms", float(milliseconds))
    assert found == "[]"


def test_training_brings_nothing_more():
    """No import in the first call, either: it would wait for the import lock, and be slow once."""
    program = """
before = set(sys.modules)
own = trained()
own.predict(data()[0].tolist())
print(sorted(set(sys.modules) - before - set(sys.builtin_module_names)))
"""
    assert python(program) == "[]"


USE = {
    "lamella": "import lamella",
    "torch": "import torch",
    "sklearn": "from sklearn.neural_network import MLPClassifier",
}


@pytest.mark.slow
@pytest.mark.parametrize("order", [[*USE][k:] + [*USE][:k] for k in range(3)], ids=" ".join)
def test_beside_other_libraries_in_any_order(order):
    """Imported in this order, used before and after the others, with threads: the same bits as alone.

    Of any two, each comes first in one of the orders.
    """
    for module in ("torch", "sklearn"):
        pytest.importorskip(module)
    program = "\n".join(["import warnings", *(USE[name] for name in order)]) + "\n" + SETUP
    program += """
import hashlib

def ours():
    return hashlib.sha256(b"".join(v.tobytes() for v in trained(epochs=1).model.state_dict().values())).hexdigest()

def theirs():
    layer = torch.nn.Linear(300, 300)
    layer(torch.ones(300, 300)).sum().backward()
    classifier = MLPClassifier((50,), max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.fit(*data())
    return bool(torch.isfinite(layer.weight.grad).all()) and classifier.predict(data()[0]).shape == (512,)

first = ours()
assert theirs()
assert first == ours()
print(first)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == hashlib.sha256(bits(trained(epochs=1))).hexdigest()


# Fork.


def _child(own, queue):
    own.fit(*data(), epochs=1, batch_size=256)
    fresh = trained(seed=1)
    queue.put((lm.get_num_threads(), bits(own), bits(fresh), own.model.predict(data()[0]).tobytes()))


def test_training_goes_on_in_a_forked_child():
    """The parent's threads are gone in the child: it runs on one, with the same bits, and does not hang."""
    own = trained()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(own, queue))
    child.start()
    try:
        threads, continued, fresh, outputs = queue.get(timeout=60)
        child.join(timeout=60)
        assert child.exitcode == 0
    finally:
        child.kill()
    assert threads == 1
    own.fit(*data(), epochs=1, batch_size=256)  # the parent goes on, too
    assert continued == bits(own)
    assert outputs == own.model.predict(data()[0]).tobytes()
    assert fresh == bits(trained(seed=1))


def test_children_of_children():
    program = """
trained()
child = os.fork()
if child == 0:
    trained()
    grandchild = os.fork()
    if grandchild == 0:
        trained()
        os._exit(7)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert python(program) == "7"


def test_fork_while_another_thread_trains():
    """The child has neither that thread nor what it held: models of its own train there."""
    program = """
stop = []
def work():
    own = trainer(1)
    while not stop:
        own.fit(*data(), batch_size=256)
thread = threading.Thread(target=work)
thread.start()
codes = []
for _ in range(5):
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends a child that hangs
        trained()
        os._exit(7)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.append(True)
thread.join()
print(codes)
"""
    assert python(program, seconds=120) == "[7, 7, 7, 7, 7]"


def test_fork_while_another_thread_trains_the_same_model():
    """A copy of the shared model is what a child can work with, whatever moment the fork met."""
    program = """
own = trained()
stop = []
def work():
    while not stop:
        own.fit(*data(), batch_size=256)
thread = threading.Thread(target=work)
thread.start()
codes = []
for _ in range(5):
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # ends a child that hangs
        own.model.predict(data()[0])
        own.step(*data())
        os._exit(7)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.append(True)
thread.join()
print(codes)
"""
    assert python(program, seconds=120) == "[7, 7, 7, 7, 7]"


def test_a_pool_of_forked_workers():
    trained()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map_async(_train_seed, range(4)).get(timeout=60)
    assert found == [bits(trained(seed)) for seed in range(4)]


def _train_seed(seed):
    return bits(trained(seed))


# Python threads.


def in_threads(*calls):
    """Run all at once; their results, or the first exception."""
    results, errors = [None] * len(calls), []
    barrier = threading.Barrier(len(calls))

    def run(place, call):
        try:
            barrier.wait(timeout=30)
            results[place] = call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive(), "hangs"
    if errors:
        raise errors[0]
    return results


def test_four_trainings_at_once_are_four_trainings_in_turn():
    in_turn = [bits(trained(seed)) for seed in range(4)]
    at_once = in_threads(*(lambda seed=seed: bits(trained(seed)) for seed in range(4)))
    assert at_once == in_turn


def test_by_hand_in_four_threads():
    def by_hand(seed):
        own = trainer(seed)
        x, y = data()
        for begin in range(0, 512, 64):
            own.loss(own.model(x[begin : begin + 64]), y[begin : begin + 64])
            own.model.zero_grad()
            own.model.backward(own.loss.backward())
            own.optimizer.step()
        return bits(own)

    in_turn = [by_hand(seed) for seed in range(4)]
    assert in_threads(*(lambda seed=seed: by_hand(seed) for seed in range(4))) == in_turn


@pytest.mark.parametrize("way", ["predict", "call"])
def test_predictions_of_one_model_from_four_threads(way):
    """Reading one model from many threads, as a server does, by ``model.predict(x)`` or ``model(x)``."""
    model = trained().model.eval()
    run = model.predict if way == "predict" else model
    inputs = [np.random.default_rng(seed).standard_normal((200, 64)) for seed in range(4)]
    expected = [model.predict(x) for x in inputs]

    def repeatedly(x):
        return [run(x) for _ in range(50)]

    for results, right in zip(in_threads(*(lambda x=x: repeatedly(x) for x in inputs)), expected, strict=True):
        for result in results:
            np.testing.assert_array_equal(result, right)


def test_one_model_called_from_many_threads_does_not_crash():
    """Which forward a backward belongs to is not promised then; that memory stays sound is.

    Batches grow, so that buffers are made anew while other threads are at work.
    """
    program = """
x, y = data(5000)
stop = time.monotonic() + 3

def call(own, start):
    start.wait()
    for n in (2, 5, 20, 50, 150, 400, 1000, 2000, 5000):
        try:
            own.model.backward(own.model(x[:n]))
        except (RuntimeError, ValueError):
            pass  # another thread's forward came between
        own.step(x[:n], y[:n])
        own.loss(np.zeros((n, 10)), y[:n])

while time.monotonic() < stop:
    own, start = trainer(), threading.Barrier(4)
    threads = [threading.Thread(target=call, args=(own, start)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print("alive")
"""
    assert python(program) == "alive"


def test_other_threads_run_during_a_fit():
    """The interpreter is free while the native part works: a thread counts along."""
    program = """
counted = 0
stop = []
def count():
    global counted
    while not stop:
        counted += 1
        time.sleep(0.001)
thread = threading.Thread(target=count)
own, rows = trained(), data(50_000)
thread.start()
before = counted
own.fit(*rows, batch_size=4096)
during = counted - before
stop.append(True)
thread.join()
print(during > 3)
"""
    assert python(program) == "True"


# Signals.


INTERRUPTED = """
own = trainer()
x, y = data(50_000)
def interrupt():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    own.fit(x, y, epochs=10_000, batch_size=256{options})
except KeyboardInterrupt:
    pass
else:
    raise SystemExit("no KeyboardInterrupt")
before = [value.copy() for value in own.model.state_dict().values()]
assert all(np.isfinite(value).all() for value in before)
assert np.isfinite(own.model.predict(x[:100])).all()
assert np.isfinite(own.step(x[:256], y[:256]))
history = own.fit(x[:2560], y[:2560], epochs=2)
assert history.epochs == 2
print("usable")
"""


def test_ctrl_c_ends_a_long_fit():
    """Ten thousand epochs would take hours: the limit is the proof that it ended promptly."""
    assert python(INTERRUPTED.format(options="")) == "usable"


def test_ctrl_c_in_on_epoch():
    assert python(INTERRUPTED.format(options=", on_epoch=lambda epoch, record: None")) == "usable"


def test_a_signal_that_the_program_handles_does_not_end_a_fit():
    program = """
seen = []
signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
own, rows = trainer(), data(20_000)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
history = own.fit(*rows, epochs=100, batch_size=64, on_epoch=lambda epoch, record: len(seen) > 3)
signal.setitimer(signal.ITIMER_REAL, 0)
print(history.epochs > 0, len(seen) > 3)
"""
    assert python(program) == "True True"


def test_a_signal_handler_may_use_the_model():
    """As one does to save or to evaluate at a signal: the fit is in the middle of an epoch, and must not hang."""
    program = """
seen = []
own = trainer()
rows = data(100_000)
def look(number, frame):
    own.model.state_dict()
    seen.append(own.model.predict(np.ones((3, 64))).shape)
signal.signal(signal.SIGALRM, look)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)  # an epoch takes longer: most arrive inside one
own.fit(*rows, epochs=100, batch_size=64, on_epoch=lambda epoch, record: len(seen) >= 4)
signal.setitimer(signal.ITIMER_REAL, 0)
print(set(seen))
"""
    assert python(program, seconds=20) == "{(3, 10)}"


def test_an_exception_of_a_signal_handler_comes_out_of_fit():
    program = """
def fail(number, frame):
    raise TimeoutError("mine")
signal.signal(signal.SIGALRM, fail)
own, rows = trainer(), data(20_000)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    own.fit(*rows, epochs=10_000, batch_size=64)
except TimeoutError as error:
    print(error)
"""
    assert python(program) == "mine"


# Threads by environment.


@pytest.mark.parametrize("setting", ["1", "2", "4,2", "1000", "0", "-3", "nonsense", ""])
def test_omp_num_threads(setting):
    """The least of it and what the machine gives; what makes no sense is ignored."""
    available = int(python("print(lm.get_num_threads())", OMP_NUM_THREADS="100000"))
    found = int(python("trained(); print(lm.get_num_threads())", OMP_NUM_THREADS=setting))
    asked = {"1": 1, "2": 2, "4,2": 4}.get(setting, available)
    assert found == min(asked, available)


def test_more_threads_than_processors():
    before = lm.get_num_threads()
    expected = bits(trained())
    try:
        lm.set_num_threads(2 * (os.cpu_count() or 1) + 1)
        assert bits(trained()) == expected
    finally:
        lm.set_num_threads(before)


def test_a_daemon_thread_in_fit_does_not_keep_the_process():
    """Leaving Python while a thread is in native code neither crashes nor hangs."""
    program = """
own = trainer()
threading.Thread(target=lambda: own.fit(*data(), epochs=100_000), daemon=True).start()
time.sleep(0.5)
print("leaving")
sys.stdout.flush()
"""
    assert python(program) == "leaving"


def test_as_many_threads_as_the_work_is_worth(share_all_work):
    """Small steps take one thread, large ones all; in between a larger batch never takes fewer."""
    _core.share_all_work(False)
    before = lm.get_num_threads()
    own = trainer()
    own.step(*data(8))
    step = own._step
    try:
        lm.set_num_threads(7)
        found = [step.runner.threads(0, step._last, n) for n in (1, 8, 64, 512, 4096, 100_000)]
    finally:
        lm.set_num_threads(before)
    assert found[:2] == [1, 1]
    assert found[-1] == 7
    assert found == sorted(found)
