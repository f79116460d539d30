"""A fingerprint of data, so that a later run can tell whether it has the same."""

import hashlib

import numpy as np

from lamella._arrays import Array


def digest(*arrays: Array) -> str:
    """SHA-256 of shapes, types and values, the first 16 digits."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).data.cast("B"))
    return found.hexdigest()[:16]
