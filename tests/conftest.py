"""Fixtures that all tests share."""

import gc

import numpy as np
import pytest

import lamella as lm
from lamella import _core


def pytest_collection_finish():
    """What is there now, tests and libraries, stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


#: Bytes before and after every operand of a kernel under test; a cache line, so that operands stay aligned.
GUARD = 64


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=[2, 3, 5])
def threads(request):
    """Team sizes whose results are compared with those of one thread."""
    return request.param


@pytest.fixture
def restore_threads():
    """The number of threads is what it was, whatever the test sets."""
    before = lm.get_num_threads()
    yield
    lm.set_num_threads(before)


@pytest.fixture
def share_all_work():
    """Every replay takes all threads: small networks test what large ones do."""
    _core.share_all_work(True)
    yield
    _core.share_all_work(False)


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


def _guarded(array):
    """(buffer, view): a copy of the array between two guards of all-ones bytes, which are NaN to a kernel."""
    buffer = np.full(array.nbytes + 3 * GUARD, 0xFF, np.uint8)
    start = -buffer.ctypes.data % GUARD + GUARD
    view = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return buffer, view


def run_kernel(name, operands, n=0, sizes=(), hyper=None, *, dtype, threads=1):
    """Run a kernel on copies that lie between guards, then copy back; the same array given twice stays one array."""
    copies = {id(array): (array, *_guarded(array)) for array in operands if array is not None}
    views = [None if array is None else copies[id(array)][2] for array in operands]
    if hyper is not None:
        hyper = np.ascontiguousarray(hyper)
    _core.call_kernel(name, views, n, list(sizes), hyper, getattr(_core.DType, np.dtype(dtype).name), threads)
    for array, buffer, view in copies.values():
        start = view.ctypes.data - buffer.ctypes.data
        assert (buffer[:start] == 0xFF).all(), f"{name} wrote before an operand"
        assert (buffer[start + view.nbytes :] == 0xFF).all(), f"{name} wrote past an operand"
        array[...] = view


@pytest.fixture
def kernel():
    """``kernel(name, operands, n, sizes, hyper, dtype=, threads=)`` runs a kernel, operands in the contract's order."""
    return run_kernel
