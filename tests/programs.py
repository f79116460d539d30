"""Programs in a process of their own, for tests of what a whole process does."""

import signal
import subprocess
import sys

import pytest


def output_of(program, seconds, environment):
    """Standard output of a program that must end well; one that hangs says where."""
    command = [sys.executable, "-X", "faulthandler", "-W", "error", "-W", "ignore:.*fork.*:DeprecationWarning"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "-c", program], stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # faulthandler writes what all threads are at
            pytest.fail(f"the program hangs: {process.communicate()[1][-4000:]}")
    assert process.returncode == 0, f"exit {process.returncode}: {errors[-2000:]}"
    return output.strip()
