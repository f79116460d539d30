"""Measures systems against each other: each in a process of its own, blocks in turns, so that drift hits all alike."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def environment(threads: int) -> dict[str, str]:
    """The caller's, without what would cripple a baseline."""
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "MKL_CBWR", "OMP_WAIT_POLICY")}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[name] = str(threads)
    return env


class Worker:
    """A script of this folder, waiting to be told to run a block of repeats."""

    def __init__(self, script: str, arguments: list[str], threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), *arguments, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads),
        )
        self.about = self._answer()
        self.blocks: list[float] = []  # median seconds of each block

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args}: ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.blocks.append(float(self._answer()["median"]))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def in_turns(workers: dict[str, Worker], rounds: int) -> None:
    """Run blocks of all workers; the order rotates, and a pause lets idle threads fall asleep."""
    names = list(workers)
    for turn in range(rounds):
        for index in range(len(names)):
            time.sleep(0.05)
            workers[names[(index + turn) % len(names)]].run()
    for worker in workers.values():
        worker.close()


def answer_blocks(about: dict[str, Any], once: Any, seconds: float = 0.2) -> None:
    """The worker's side: time blocks of ``once()`` whenever a line comes in."""
    begin = time.perf_counter()
    for _ in range(3):
        once()
    repeats = max(2, int(seconds / ((time.perf_counter() - begin) / 3)))
    for _ in range(min(repeats, 200)):
        once()
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        times = []
        for _ in range(repeats):
            begin = time.perf_counter()
            once()
            times.append(time.perf_counter() - begin)
        print(json.dumps({"median": statistics.median(times)}), flush=True)


def ratio(theirs: Worker, ours: Worker) -> str:
    """Time of theirs over ours: median of the rounds (least-most), best over best.

    What else runs on the machine only ever adds time: where the spread is wide, the best blocks compare better.
    """
    ratios = [a / b for a, b in zip(theirs.blocks, ours.blocks, strict=True)]
    best = min(theirs.blocks) / min(ours.blocks)
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}), {best:.2f}"


def machine() -> str:
    """The processor as the kernel names it, and the cores this process may use."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
