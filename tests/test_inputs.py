"""Data of every kind that holds numbers gives the same results as the plain array."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

DTYPES = ("float32", "float64")


def network(dtype="float32", width=6):
    return nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 3), dtype=dtype, seed=1)


def whole_numbers(n=40, width=6):
    """Features that every dtype, even bool after a comparison, holds exactly."""
    return np.random.default_rng(0).integers(0, 2, size=(n, width))


def labels(n=40):
    return np.random.default_rng(1).integers(0, 3, size=n)


def every_use(x, y, dtype, like=None):
    """What all functions that take features and labels make of them, as arrays of numbers."""
    model = network(dtype)
    loss = nn.CrossEntropyLoss()
    results = [model.predict(x), model(x), np.array(loss(model(x), y))]
    results.append(model.backward(loss.backward()))
    trainer = lm.Trainer(model, loss, optim.Adam(model.parameters(), lr=0.01))
    results.append(np.array(trainer.step(x, y)))
    history = trainer.fit(x, y, epochs=2, batch_size=16, validation_data=(x, y))
    results += [np.array(history[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")]
    results.append(np.array(list(trainer.evaluate(x, y).values())))
    return [*results, *model.state_dict().values()]


def assert_same_results(x, y, plain_x, plain_y, dtype):
    for got, expected in zip(every_use(x, y, dtype), every_use(plain_x, plain_y, dtype), strict=True):
        np.testing.assert_array_equal(got, expected, strict=True)


class Exporter:
    """An object with DLPack's two methods and nothing else."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **arguments):
        return self._array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Arrayish:
    """An object with ``__array__`` and nothing else."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    raw = np.empty(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def every_other(array):
    wide = np.full((2 * array.shape[0], 3 * array.shape[1]), -9, array.dtype)
    wide[::2, ::3] = array
    return wide[::2, ::3]


LAYOUTS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "strided": every_other,
    "rows backwards": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "columns backwards": lambda a: np.ascontiguousarray(a[:, ::-1])[:, ::-1],
    "a transpose": lambda a: np.ascontiguousarray(a.T).T,
    "read-only": read_only,
    "unaligned": unaligned,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "a subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
    "a memory map": None,
    "DLPack": Exporter,
    "__array__": Arrayish,
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "rows in a list": list,
    "objects": lambda a: a.astype(object),
    "a memoryview": memoryview,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("data", DTYPES)
def test_layouts(layout, data, dtype, tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 6)).astype(data)
    if layout == "a memory map":
        np.save(tmp_path / "x.npy", x)
        other = np.load(tmp_path / "x.npy", mmap_mode="r")
    else:
        other = LAYOUTS[layout](x)
    assert_same_results(other, labels(), x, labels(), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "data", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "longdouble"]
)
def test_dtypes(data, dtype):
    x = whole_numbers()
    assert_same_results(x.astype(data), labels(), x.astype(dtype), labels(), dtype)


def test_large_integers_are_rounded_like_numpys():
    x = np.array([[2**24 + 1, -(2**31), 2**53 + 1]])
    np.testing.assert_array_equal(nn.Sequential()(x), x.astype(np.float32))
    np.testing.assert_array_equal(nn.Sequential(dtype="float64")(x), x.astype(np.float64))


def test_an_array_is_never_changed():
    x, y = np.random.default_rng(0).standard_normal((40, 6)).astype(np.float32), labels()
    copies = x.copy(), y.copy()
    every_use(x, y, "float32")
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(y, copies[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_pandas(dtype):
    pd = pytest.importorskip("pandas")
    x, y = np.random.default_rng(0).standard_normal((40, 6)), labels()
    index = np.random.default_rng(2).permutation(40)  # the row labels are of no interest
    frame = pd.DataFrame(x, columns=list("abcdef"), index=index)
    assert_same_results(frame, pd.Series(y, index=index), x, y, dtype)
    assert_same_results(frame, pd.DataFrame({"y": y}), x, y, dtype)


def test_a_pandas_frame_of_mixed_columns():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "float": rng.standard_normal(40),
            "single": rng.standard_normal(40).astype(np.float32),
            "int": rng.integers(9, size=40),
            "bool": rng.integers(2, size=40).astype(bool),
            "nullable": pd.array(rng.integers(9, size=40), dtype="Int64"),
            "nullable float": pd.array(rng.standard_normal(40), dtype="Float64"),
        }
    )
    y = pd.Series(labels(), dtype="Int64")
    plain = np.column_stack([frame[column].to_numpy(np.float64) for column in frame])
    assert_same_results(frame, y, plain, labels(), "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", DTYPES)
def test_torch_tensors(data, dtype):
    torch = pytest.importorskip("torch")
    x, y = np.random.default_rng(0).standard_normal((40, 6)).astype(data), labels()
    assert_same_results(torch.from_numpy(x), torch.from_numpy(y), x, y, dtype)
    assert_same_results(torch.from_numpy(x.T.copy()).T, torch.from_numpy(y).int(), x, y, dtype)


# Labels.


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "float16"]
)
def test_label_dtypes(dtype):
    x, y = whole_numbers(), labels()
    assert_same_results(x, y.astype(dtype), x, y, "float32")


def test_bool_labels():
    x, y = whole_numbers(), labels() % 2
    assert_same_results(x, y.astype(bool), x, y, "float32")


LABEL_CONTAINERS = {
    "list": lambda y: y.tolist(),
    "tuple": tuple,
    "column": lambda y: y[:, None],
    "list of lists": lambda y: y[:, None].tolist(),
    "strided": lambda y: np.repeat(y, 2)[::2],
    "backwards": lambda y: y[::-1].copy()[::-1],
    "other byte order": lambda y: y.astype(y.dtype.newbyteorder()),
    "objects": lambda y: y.astype(object),
    "read-only": read_only,
    "unaligned": unaligned,
    "DLPack": Exporter,
    "__array__": Arrayish,
}


@pytest.mark.parametrize("wrap", LABEL_CONTAINERS.values(), ids=LABEL_CONTAINERS)
def test_label_containers(wrap):
    x, y = whole_numbers(), labels()
    assert_same_results(x, wrap(y), x, y, "float32")


# Targets of the other losses, and gradients.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", [nn.MSELoss, nn.BCEWithLogitsLoss])
def test_targets(loss, dtype):
    z = np.random.default_rng(0).standard_normal((9, 4)).astype(dtype)
    y = np.random.default_rng(1).integers(2, size=(9, 4))

    def value_and_gradient(targets):
        criterion = loss()
        return criterion(z, targets), criterion.backward()

    expected, gradient = value_and_gradient(y.astype(dtype))
    targets = [y, y.astype(bool), y.astype(np.uint8), y.astype(np.float16), y.tolist(), np.asfortranarray(y)]
    targets += [every_other(y), read_only(y), Exporter(y), y.astype(np.float64), y.astype(np.float32)]
    for other in targets:
        value, its_gradient = value_and_gradient(other)
        assert value == expected
        np.testing.assert_array_equal(its_gradient, gradient, strict=True)


@pytest.mark.parametrize("layout", [name for name, make in LAYOUTS.items() if make])
def test_gradients_and_outputs_of_any_layout(layout):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((40, 6)), rng.standard_normal((40, 3))
    expected, other = network("float64"), network("float64")
    np.testing.assert_array_equal(expected(x), other(x))
    np.testing.assert_array_equal(expected.backward(dy), other.backward(LAYOUTS[layout](dy)))
    loss = nn.CrossEntropyLoss()
    if layout not in ("lists", "tuples", "rows in a list", "objects"):  # which have no precision of their own
        assert loss(LAYOUTS[layout](dy), labels()) == loss(dy, labels())


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_in_lists_count_as_float32(dtype):
    loss = nn.CrossEntropyLoss()
    assert loss([[0.1, 0.2], [0.3, 0.4]], [0, 1]) == loss(np.array([[0.1, 0.2], [0.3, 0.4]], np.float32), [0, 1])
    assert loss.backward().dtype == np.float32


def test_state_of_any_kind():
    model, other = network("float64"), network("float64")
    values = {key: value + 1 for key, value in model.state_dict().items()}
    model.load_state_dict(values)
    converted = {key: value if value.ndim == 0 else value.tolist() for key, value in values.items()}
    other.load_state_dict(converted)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[key], strict=True)


# NumPy scalars where a number is wanted.


def test_numpy_scalars_as_settings():
    model = nn.Sequential(
        nn.Linear(np.int64(6), np.int32(8)),
        nn.BatchNorm1d(np.uint8(8), eps=np.float32(1e-5), momentum=np.float64(0.1)),
        nn.Dropout(np.float32(0.25)),
        nn.Linear(8, np.int16(3)),
        seed=np.uint64(7),
    )
    assert "Linear(in_features=6, out_features=8, bias=True)" in repr(model)
    assert repr(model[2]) == "Dropout(p=0.25)"
    plain = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.25), nn.Linear(8, 3), seed=7)
    np.testing.assert_array_equal(model.state_dict()["0.weight"], plain.state_dict()["0.weight"])
    optimizer = optim.Adam(model.parameters(), lr=np.float32(0.5), betas=(np.float64(0.9), np.float32(0.5)))
    assert optimizer.lr == 0.5
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    history = trainer.fit(whole_numbers(), labels(), epochs=np.int64(2), batch_size=np.int32(16))
    assert history.epochs == 2
    model.predict(whole_numbers(), batch_size=np.int64(7))


def test_numpy_scalars_survive_a_file(tmp_path):
    model = nn.Sequential(nn.Linear(np.int64(6), 3), nn.Dropout(np.float32(0.25)), seed=np.int64(3))
    lm.save(model, tmp_path / "m")
    assert repr(lm.load(tmp_path / "m")) == repr(model)


def test_a_numpy_integer_of_threads():
    before = lm.get_num_threads()
    try:
        lm.set_num_threads(np.int64(2))
        assert lm.get_num_threads() == 2
    finally:
        lm.set_num_threads(before)
