"""Every instruction set that this machine runs gives what the reference says, and their objects keep to themselves."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lamella import _core

HERE = Path(__file__).parent
SYMBOLS = HERE.parent / ".ci" / "symbols"

#: What is run again under each instruction set.
KERNEL_TESTS = [
    "test_gemm.py",
    "test_linear.py",
    "test_activation.py",
    "test_math.py",
    "test_batchnorm.py",
    "test_layernorm.py",
    "test_scaling.py",
    "test_softmax.py",
    "test_prelu.py",
    "test_maxout.py",
    "test_dropout.py",
    "test_loss.py",
    "test_losses.py",
    "test_optimizer.py",
]

RUNNABLE = [name for name, supported in _core.isas().items() if supported]


def python(*arguments, isa):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=HERE, env={**os.environ, "LAMELLA_ISA": isa}, capture_output=True, text=True)


def test_one_runs_everywhere():
    everywhere = "neon" if platform.machine() in ("aarch64", "arm64") else "baseline"
    assert everywhere in RUNNABLE
    assert _core.isa() in RUNNABLE


@pytest.mark.parametrize("isa", RUNNABLE)
def test_is_forced_by_the_environment(isa):
    result = python("-c", "from lamella import _core; print(_core.isa())", isa=isa)
    assert result.stdout.strip() == isa, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("isa", [isa for isa in RUNNABLE if isa != _core.isa()])
def test_kernels(isa):
    # The one in use is tested by the files themselves.
    result = python("-m", "pytest", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", *KERNEL_TESTS, isa=isa)
    assert result.returncode == 0, f"with {isa}:\n{result.stdout[-6000:]}{result.stderr[-2000:]}"


@pytest.mark.parametrize("isa", ["avx1024", "AVX2", "baseline "])
def test_unknown_is_an_error_at_import(isa):
    result = python("-c", "import lamella", isa=isa)
    assert result.returncode == 1
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith(("ImportError", "ValueError"))
    assert f'LAMELLA_ISA is "{isa}"' in message
    for name in RUNNABLE:
        assert name in message


def test_empty_is_no_choice():
    result = python("-c", "from lamella import _core; print(_core.isa())", isa="")
    assert result.stdout.strip() in RUNNABLE, result.stderr


needs_script = pytest.mark.skipif(not SYMBOLS.exists() or not shutil.which("nm"), reason="needs .ci/symbols and nm")


@needs_script
@pytest.mark.skipif(not os.environ.get("LAMELLA_BUILD_DIR"), reason="LAMELLA_BUILD_DIR names no build folder")
def test_objects_export_their_tables_alone():
    result = subprocess.run([sys.executable, SYMBOLS, os.environ["LAMELLA_BUILD_DIR"]], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


#: A kernel source: clean, or with one thing too many.
TABLE = 'extern "C" const int avx2_{family}_family; extern "C" const int avx2_{family}_family = 1;\n'
SOURCES = {
    "clean": "",
    "weak": "inline int shared(int x) { return x + 1; } int (*const volatile used)(int) = shared;\n",
    "library": "static void *make() { return operator new(8); } void *(*const volatile made)() = make;\n",
    "second": 'extern "C" int helper() { return 1; }\n',
}


@needs_script
@pytest.mark.skipif(not shutil.which("c++"), reason="needs a compiler")
@pytest.mark.parametrize("family", SOURCES)
def test_the_check_of_objects_finds(family, tmp_path):
    folder = tmp_path / "CMakeFiles" / "lamella_avx2.dir"
    folder.mkdir(parents=True)
    source = tmp_path / f"{family}.cpp"
    source.write_text(TABLE.format(family=family) + SOURCES[family])
    subprocess.run(["c++", "-std=c++17", "-fPIC", "-c", source, "-o", folder / f"{family}.cpp.o"], check=True)
    result = subprocess.run([sys.executable, SYMBOLS, tmp_path], capture_output=True, text=True)
    assert result.returncode == (0 if family == "clean" else 1), result.stdout
    found = {"clean": "0 problems", "weak": "is weak", "library": "may call", "second": "helper"}[family]
    assert re.search(found, result.stdout), result.stdout
