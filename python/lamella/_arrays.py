"""What users pass in, as the arrays that kernels take: each conversion and each message in one place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamella import _core

Array = NDArray[Any]

#: Kinds of NumPy dtypes that count as numbers: bool, signed, unsigned, float.
_NUMERIC_KINDS = "biuf"


def is_sparse(value: Any) -> bool:
    """Whether it is a scipy.sparse matrix or array."""
    return hasattr(value, "toarray") and hasattr(value, "nnz")


def dense(value: Any) -> Any:
    """A sparse matrix as an array; anything else as it is."""
    return value.toarray() if is_sparse(value) else value


def to_array(value: Any, name: str, where: str) -> Array:
    """Any array-like as a numeric NumPy array: lists, frames, CPU tensors (by ``__array__`` or DLPack), scalars.

    No copy where there need be none. TypeError for what holds no numbers.
    """
    if isinstance(value, np.ndarray):
        array = value
    elif is_sparse(value):
        raise TypeError(f"[{where}] {name} is a sparse matrix; pass {name}.toarray()")
    else:
        try:
            if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
                array = np.from_dlpack(value)
            else:
                array = np.asarray(value)
        except (TypeError, ValueError, RuntimeError, BufferError) as error:
            raise TypeError(f"[{where}] {name} cannot be read as an array: {error}") from error
    if type(array) is not np.ndarray and hasattr(array, "mask"):
        raise TypeError(f"[{where}] {name} is a masked array; fill it first")
    if array.dtype.kind not in _NUMERIC_KINDS:
        array = _numbers(array, value, name, where)
    return array


def _numbers(array: Array, value: Any, name: str, where: str) -> Array:
    """Objects that are all numbers as float64; an error that names the column otherwise."""
    if array.dtype.kind == "O":
        try:
            if not any(isinstance(item, (str, bytes)) for item in array.flat):
                return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
        columns = getattr(value, "columns", None)
        if columns is not None and array.ndim == 2:
            bad = [str(column) for index, column in enumerate(columns) if not _all_numbers(array[:, index])]
            raise TypeError(f"[{where}] {name} has columns that are not numbers: {', '.join(bad)}")
    if hasattr(value, "chunks") and array.ndim == 0:
        raise TypeError(
            f"[{where}] {name} is a source ({type(value).__name__}) where an array is expected; sources are taken by "
            "Trainer.fit, Trainer.evaluate and predict"
        )
    raise TypeError(f"[{where}] {name} has dtype {array.dtype} but numbers are expected (bool, integer or float)")


def _all_numbers(column: Array) -> bool:
    try:
        return not any(isinstance(item, (str, bytes)) for item in column) and column.astype(np.float64) is not None
    except (TypeError, ValueError):
        return False


def as_features(value: Any, dtype: np.dtype[Any], width: int | None, name: str, where: str) -> Array:
    """A batch: (n, width), n >= 1, any numeric dtype and layout (``dtype`` and C order are made later, once)."""
    array = value if type(value) is np.ndarray and value.dtype == dtype else to_array(value, name, where)
    if array.ndim != 2:
        hint = f"; for one row pass {name}[None, :]" if array.ndim == 1 else ""
        expected = f"(n, {width})" if width is not None else "(n, features)"
        raise ValueError(f"[{where}] {name} has shape {array.shape} but {expected} is expected{hint}")
    if width is not None and array.shape[1] != width:
        raise ValueError(
            f"[{where}] {name} has {array.shape[1]} features but the model expects {width} ({name} is {array.shape})"
        )
    if array.shape[0] == 0:
        raise ValueError(f"[{where}] {name} has no rows ({name} is {array.shape})")
    return array


def is_plain(array: Array, dtype: np.dtype[Any]) -> bool:
    """Whether kernels can read it where it lies: that dtype, C order, aligned."""
    return bool(array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned)


def contiguous(array: Array, dtype: np.dtype[Any]) -> Array:
    """The same array if it is plain (see above), else one converted copy; what is too large becomes infinite."""
    if array.dtype == dtype:
        array = np.ascontiguousarray(array)
        return array if array.flags.aligned else array.copy()
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=dtype)


def as_weights(value: Any, n: int, dtype: np.dtype[Any], where: str) -> Array:
    """What each of n rows counts: (n,), finite and at least 0."""
    array = to_array(value, "sample_weight", where)
    if array.shape != (n,):
        raise ValueError(
            f"[{where}] sample_weight has shape {array.shape} but {(n,)} is expected, a weight for each row"
        )
    weights = contiguous(array, dtype)
    bad = _core.find_unfit(_core.Targets.amounts, weights)
    if bad >= 0:
        raise ValueError(f"[{where}] sample_weight[{bad}] is {array[bad]} but must be finite and at least 0")
    return weights


def check_finite(array: Array, name: str, where: str, columns: Any = None, first: int = 0) -> None:
    """ValueError that names the columns (and first row) where (n, features) data is NaN or infinite.

    ``first``: the number of the first row, where these are some out of many.
    """
    block = max(1, 2**22 // max(1, array.shape[1] if array.ndim == 2 else 1))
    bad_columns: dict[int, int] = {}
    table = array if array.ndim == 2 else array.reshape(len(array), -1)
    for begin in range(0, len(table), block):
        part = table[begin : begin + block]
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(part.sum()):  # then all are, and that is found out faster
                continue
        finite = np.isfinite(part)
        if not finite.all():
            for column in np.flatnonzero(~finite.all(axis=0)):
                bad_columns.setdefault(int(column), first + begin + int(np.argmin(finite[:, column])))
    if not bad_columns:
        return
    labels = [str(label) for label in columns] if columns is not None else [str(i) for i in range(table.shape[1])]
    shown = [f"column {labels[column]} (first at row {row})" for column, row in sorted(bad_columns.items())]
    more = f" and {len(shown) - 5} more columns" if len(shown) > 5 else ""
    raise ValueError(f"[{where}] {name} has NaN or infinite values in {', '.join(shown[:5])}{more}")


def check_indices(x: Array, columns: list[tuple[int, int]], name: str, where: str, first: int = 0) -> None:
    """ValueError at the first value of a column that is no whole number in [0, count); ``columns``: (column, count).

    ``first``: as for :func:`check_finite`.
    """
    found = _core.find_bad_index(x, columns) if columns else None
    if found is not None:
        row, column, count = found
        raise ValueError(
            f"[{where}] {name}[{first + row}, {column}] is {x[row, column]:.9g} but column {column} is an index: it "
            f"must be a whole number in [0, {count})"
        )
