"""The BLAS libraries that are installed as wheels: NumPy's own OpenBLAS, scipy-openblas32 and onednn-cpu-gomp.

Each is called in a native loop, for a call from Python is dearer than a small product.
"""

import ctypes
import importlib.metadata
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: All row-major; 101, 111 and 112 are CBLAS's for row-major, plain and transposed.
_LOOPS = r"""
#include <stdint.h>

#define SIZES(integer) integer m, integer n, integer k
#define ARRAYS(integer) const float *a, integer lda, const float *b, integer ldb, float *c

#define CBLAS(name, integer)                                                                   \
  void name(void (*sgemm)(int, int, int, integer, integer, integer, float, const float *,      \
                          integer, const float *, integer, float, float *, integer),           \
            SIZES(integer), ARRAYS(integer), int transpose_a, int transpose_b, int repeats) {  \
    for (int i = 0; i < repeats; ++i)                                                          \
      sgemm(101, 111 + transpose_a, 111 + transpose_b, m, n, k, 1, a, lda, b, ldb, 0, c, n);   \
  }
CBLAS(cblas, int32_t)
CBLAS(cblas64, int64_t)

void dnnl(int (*sgemm)(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t,
                       float, float *, int64_t),
          SIZES(int64_t), ARRAYS(int64_t), int transpose_a, int transpose_b, int repeats) {
  for (int i = 0; i < repeats; ++i)
    sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, 0, c, n);
}
"""


@dataclass(frozen=True)
class Blas:
    """Where a library lies in which package, what its product is called, and which loop calls it."""

    package: str
    file: str
    sgemm: str
    loop: str
    integer: Any

    def path(self) -> Path | None:
        """Of the library, or None if it is not installed."""
        try:
            files = importlib.metadata.files(self.package) or []
        except importlib.metadata.PackageNotFoundError:
            return None
        return next((Path(str(file.locate())) for file in files if fnmatch(file.name, self.file)), None)


BLAS = {
    "NumPy's OpenBLAS": Blas("numpy", "libscipy_openblas64_*.so*", "scipy_cblas_sgemm64_", "cblas64", ctypes.c_int64),
    "OpenBLAS": Blas("scipy-openblas32", "libscipy_openblas*.so*", "scipy_cblas_sgemm", "cblas", ctypes.c_int32),
    "oneDNN": Blas("onednn-cpu-gomp", "libdnnl.so.*", "dnnl_sgemm", "dnnl", ctypes.c_int64),
}


def installed() -> list[str]:
    """Which of them are."""
    return [name for name, blas in BLAS.items() if blas.path() is not None]


def compile_loops(folder: str) -> Path:
    """The loops as a library in this folder, made by the C compiler."""
    source, library = Path(folder, "loops.c"), Path(folder, "loops.so")
    source.write_text(_LOOPS)
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return library


def product(
    name: str, loops: str, c: Array, a: Array, b: Array, transpose_a: bool, transpose_b: bool
) -> Callable[[int], object]:
    """A function that computes c = a b (each transposed or not) a number of times."""
    blas = BLAS[name]
    sgemm = ctypes.cast(getattr(ctypes.CDLL(str(blas.path())), blas.sgemm), ctypes.c_void_p)
    loop = getattr(ctypes.CDLL(loops), blas.loop)
    k = a.shape[0] if transpose_a else a.shape[1]
    sizes = [blas.integer(size) for size in (*c.shape, k)]
    factors = [argument for x in (a, b) for argument in (_address(x), blas.integer(x.shape[1]))]
    return lambda repeats: loop(sgemm, *sizes, *factors, _address(c), int(transpose_a), int(transpose_b), repeats)


def _address(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def describe(name: str) -> str:
    """Version, and the kernels that it chose for this machine."""
    blas = BLAS[name]
    version = importlib.metadata.version(blas.package)
    library = ctypes.CDLL(str(blas.path()))
    if blas.loop == "dnnl":
        library.dnnl_version.restype = ctypes.POINTER(ctypes.c_int * 3)
        return f"{name} {'.'.join(map(str, library.dnnl_version().contents))} ({blas.package} {version})"
    get_config = getattr(library, blas.sgemm.replace("cblas_sgemm", "openblas_get_config"))
    get_config.restype = ctypes.c_char_p
    words = (
        get_config().decode().split()
    )  # OpenBLAS 0.3.31 USE64BITINT DYNAMIC_ARCH NO_AFFINITY SkylakeX MAX_THREADS=64
    return f"{name} {words[1]} ({words[-2]} kernels, {blas.package} {version})"
