"""Measures systems against each other: each in a process of its own, blocks in turns, so that drift hits all alike."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from lamella.bench.worker import Block


class WorkerError(RuntimeError):
    """A worker ended before it had answered."""


@dataclass
class Measured:
    """What a worker said of itself, and of each of its blocks."""

    about: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)

    def all(self, key: str = "seconds") -> list[float]:
        """Of all blocks, in order."""
        return [block[key] for block in self.blocks]

    def median(self, key: str = "seconds") -> float:
        """Of the blocks."""
        return statistics.median(self.all(key))


def measure(commands: Mapping[str, Sequence[str]], threads: int, rounds: int) -> dict[str, Measured]:
    """Start workers, and let each run a block a round, in turns.

    Parameters
    ----------
    commands : mapping of str to sequence of str
        By system: arguments of Python, such as a script's path or ``-m`` and a module, and of the worker. The worker
        calls :func:`lamella.bench.worker.answer`.
    threads : int
        Given to each worker as its last argument; also the number of cores that it may use.
    rounds : int

    Raises
    ------
    WorkerError
        If a worker ends early.
    """
    with ExitStack() as stack:
        workers = {name: stack.enter_context(_started(command, threads)) for name, command in commands.items()}
        found = {name: Measured(_answer(worker)) for name, worker in workers.items()}
        names = list(workers)
        for turn in range(rounds):
            for index in range(len(names)):
                name = names[(index + turn) % len(names)]  # the order rotates
                time.sleep(0.2)  # lets idle threads of the others fall asleep: OpenBLAS keeps its own spinning for long
                _tell(workers[name])
                found[name].blocks.append(_answer(workers[name]))
        return found


@dataclass
class _Worker:
    process: subprocess.Popen[str]
    errors: Any  # its stderr: a file, as a pipe that nobody reads would fill up


@contextmanager
def _started(command: Sequence[str], threads: int) -> Iterator[_Worker]:
    with tempfile.TemporaryFile("w+") as errors:
        with _held_to(threads):
            process = subprocess.Popen(
                [sys.executable, *command, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=_environment(command, threads),
            )
        with process:  # closes its stdin, which ends it, and waits
            try:
                yield _Worker(process, errors)
            except BaseException:
                process.kill()
                raise


@contextmanager
def _held_to(cores: int) -> Iterator[None]:
    """What is started here may use so many cores and no more, where the operating system can do that.

    Some systems take as many threads as there are cores, whatever they are told.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _environment(command: Sequence[str], threads: int) -> dict[str, str]:
    """The caller's, without what would cripple a baseline."""
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "MKL_CBWR", "OMP_WAIT_POLICY")}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[name] = str(threads)
    if command[0] == "-m":
        env["PYTHONSAFEPATH"] = "1"  # for what lies in the current folder is no part of a module's path
    return env


def _tell(worker: _Worker) -> None:
    assert worker.process.stdin is not None
    try:
        worker.process.stdin.write("go\n")
        worker.process.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended: the answer that does not come says so


def _answer(worker: _Worker) -> dict[str, Any]:
    assert worker.process.stdout is not None
    line = worker.process.stdout.readline()
    if not line:
        code = worker.process.wait()
        worker.errors.seek(0)
        said = worker.errors.read().strip().splitlines()
        command = " ".join(map(str, worker.process.args[1:]))  # type: ignore[index]
        raise WorkerError(f"{command}: ended with {code}: {said[-1] if said else 'no message'}")
    found: dict[str, Any] = json.loads(line)
    return found
