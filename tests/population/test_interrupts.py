"""Signals, the end of Python, forks: what could hang or crash runs in a process with a limit."""

import pytest

from population.world import IMPORTS, python

#: A long fit, ended by Ctrl-C after a while.
INTERRUPTED = """
lm.set_num_threads({threads})
pop = population(5)
x, y = labelled(2000)
def interrupt():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    pop.fit(x, y, epochs=10**7{options})
except KeyboardInterrupt:
    pass
else:
    raise SystemExit("no KeyboardInterrupt")
assert any(h.epochs > 0 for h in pop.history.histories)
assert all(np.isfinite(v).all() for t in members(pop) for v in t.model.state_dict().values())
before = [h.epochs for h in pop.history.histories]
found = pop.fit(x, y, epochs=2)
assert [h.epochs for h in pop.history.histories] == [n + 2 for n in before]
assert np.isfinite(pop.predict(x)).all() and found.epochs == 2
print("usable")
"""


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("options", ["", ", on_epoch=lambda model, epoch, record: None"])
def test_ctrl_c_ends_a_long_fit(threads, options):
    """Ten million epochs would take days: the limit is the proof that it ended promptly."""
    assert python(INTERRUPTED.format(threads=threads, options=options)) == "usable"


def test_ctrl_c_in_models_that_take_all_threads():
    program = "from lamella import _core\n_core.share_all_work(True)\n" + INTERRUPTED
    assert python(program.format(threads=2, options="")) == "usable"


def test_an_interrupted_fit_notes_the_complete_epochs():
    """Of a model on another thread than the one that sees the signal, too."""
    program = """
lm.set_num_threads(2)
x, y = labelled(400)
def fail(number, frame):
    raise TimeoutError("mine")
signal.signal(signal.SIGALRM, fail)
pop, again = population(2), population(2)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    pop.fit(x, y, epochs=10**7, validation_data=(x, y), batch_size=400)
except TimeoutError as error:
    print(error)
epochs = [h.epochs for h in pop.history.histories]
assert min(epochs) > 0
again.fit(x, y, epochs=epochs, validation_data=(x, y), batch_size=400)
for one, other in zip(pop.history.histories, again.history.histories):
    assert one["loss"] == other["loss"] and one["val_loss"] == other["val_loss"]
"""
    assert python(program) == "mine"


def test_a_signal_handler_may_use_the_population():
    program = """
seen = []
pop, (x, y) = population(3), labelled(500)
def look(number, frame):
    seen.append(pop.predict(x[:3]).shape)
signal.signal(signal.SIGALRM, look)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
pop.fit(x, y, epochs=10**6, on_epoch=lambda model, epoch, record: len(seen) >= 3)
signal.setitimer(signal.ITIMER_REAL, 0)
print(set(seen))
"""
    assert python(program) == "{(3, 3)}"


@pytest.mark.parametrize("options", ["", ", on_epoch=lambda model, epoch, record: None"])
@pytest.mark.parametrize("epochs", [10**7, 1])
def test_a_daemon_thread_in_fit_does_not_keep_the_process(epochs, options):
    """Threads that call Python all the time are neither waited for nor unwound."""
    program = f"""
lm.set_num_threads(3)
pop, rows = population(5), labelled()
def work():
    while True:
        pop.fit(*rows, epochs={epochs}{options})
threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("leaving", flush=True)
"""
    assert python(program) == "leaving"


def test_a_daemon_thread_that_waits_in_on_epoch_does_not_keep_the_process():
    program = """
lm.set_num_threads(3)
pop, rows = population(5), labelled()
def wait(model, epoch, record):
    time.sleep(1000)
threading.Thread(target=lambda: pop.fit(*rows, epochs=10**7, on_epoch=wait), daemon=True).start()
time.sleep(0.3)
print("leaving", flush=True)
"""
    assert python(program, seconds=30) == "leaving"


def test_a_population_may_be_trained_while_python_ends():
    """By what is to be called at exit, whenever it was registered."""
    program = """
lm.set_num_threads(3)
def last():
    pop = population(5)
    print(pop.fit(*labelled(), epochs=2, on_epoch=lambda model, epoch, record: None).epochs, flush=True)
LATE.append(last)
"""
    early = "import atexit\nLATE = []\natexit.register(lambda: LATE[0]())\n"  # before lamella's own
    assert python(early + IMPORTS + program, imports="") == "2"
    late = "import atexit\natexit.register(last)"
    assert python(program.replace("LATE.append(last)", late)) == "2"


def test_training_goes_on_in_a_forked_child():
    program = """
lm.set_num_threads(3)
pop, rows = population(5), labelled()
pop.fit(*rows, epochs=2)
child = os.fork()
if child == 0:
    signal.alarm(20)  # ends a child that hangs
    pop.fit(*rows, epochs=2, on_epoch=lambda model, epoch, record: None)
    pop.predict(rows[0])
    sys.exit(7)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
pop.fit(*rows, epochs=1)
print(code)
"""
    assert python(program) == "7"


def test_a_fork_while_another_thread_trains():
    """The child has neither that thread nor what it held: populations of its own train there, and it ends."""
    program = """
lm.set_num_threads(3)
rows, stop = labelled(), []
lm.Population  # imported here: a child of a process that was just importing something cannot
def work():
    pop = population(5)
    while not stop:
        pop.fit(*rows, epochs=5, on_epoch=lambda model, epoch, record: None)
thread = threading.Thread(target=work)
thread.start()
codes = []
for _ in range(4):
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        population(5).fit(*rows, epochs=2, on_epoch=lambda model, epoch, record: None)
        os._exit(7)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.append(True)
thread.join()
print(codes)
"""
    assert python(program, seconds=120) == "[7, 7, 7, 7]"
