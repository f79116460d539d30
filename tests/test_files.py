"""Models in files: bit for bit, whole or not at all, and without pickle."""

import json
import os
import pickle
import stat
import struct

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

DTYPES = ("float32", "float64")


def network(dtype="float32", seed=0):
    """Every layer and every argument that a file has to hold."""
    return nn.Sequential(
        nn.Linear(5, 9, init="glorot_uniform"),
        nn.BatchNorm1d(9, eps=1e-3, momentum=0.2),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Sequential(
            nn.Linear(9, 7, bias=False),
            nn.BatchNorm1d(7, momentum=None, affine=False),
            nn.Sequential(nn.Tanh(), nn.Dropout(0.0)),
        ),
        nn.Sigmoid(),
        nn.Linear(7, 3, init="zeros"),
        seed=seed,
        dtype=dtype,
    )


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 5)), rng.integers(3, size=40)


def trained(dtype="float32", seed=7):
    model = network(dtype, seed)
    lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01)).fit(*data(), epochs=3)
    return model


def assert_same_state(a, b):
    first, second = a.state_dict(), b.state_dict()
    assert list(first) == list(second)
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], err_msg=key, strict=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_round_trip_has_the_same_bits(dtype, path):
    model = trained(dtype)
    lm.save(model, path)
    loaded = lm.load(path)
    assert repr(loaded) == repr(model)
    assert_same_state(loaded, model)
    assert loaded.state_dict()["0.weight"].dtype == dtype
    x, _ = data()
    np.testing.assert_array_equal(loaded(x), model.predict(x), strict=True)


def test_special_values_survive(path):
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    values = np.array([[0.0, -0.0, np.nan], [np.inf, -np.inf, 1e-45]], np.float32)
    model.load_state_dict({"0.weight": values})
    lm.save(model, path)
    assert lm.load(path).state_dict()["0.weight"].tobytes() == values.tobytes()


def test_a_loaded_model_evaluates_and_saving_leaves_the_mode(path):
    model = trained()
    lm.save(model, path)
    assert all(module.training for _, module in model.named_modules())
    assert not any(module.training for _, module in lm.load(path).named_modules())


def test_a_loaded_model_trains_on_like_a_copy(path):
    """But for the dropout's step, which is no part of a file: without it, the same bits."""

    def make():
        return nn.Sequential(nn.Linear(5, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 3), seed=4)

    model = make()
    lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1)).fit(*data(), epochs=2)
    lm.save(model, path)
    loaded = lm.load(path)
    for each in (model, loaded):
        lm.Trainer(each, nn.CrossEntropyLoss(), optim.SGD(each.parameters(), lr=0.1)).fit(*data(), epochs=2)
    assert_same_state(model, loaded)


@pytest.mark.parametrize(
    "layer", [nn.Linear(3, 2), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.1), nn.Sequential()], ids=repr
)
def test_a_layer_by_itself(layer, path):
    lm.save(layer, path)
    loaded = lm.load(path)
    assert repr(loaded) == repr(layer)
    assert_same_state(loaded, layer)


def test_an_unused_model_and_a_part(path):
    lm.save(network(seed=3), path)
    assert_same_state(lm.load(path), network(seed=3))
    model = trained()
    lm.save(model[4:], path)
    np.testing.assert_array_equal(lm.load(path)(np.ones((2, 9))), model.eval()[4:](np.ones((2, 9))))


@pytest.mark.parametrize("dtype", [np.dtype("float64"), np.float64, "float64"], ids=repr)
def test_a_dtype_in_any_spelling_that_was_accepted(dtype, path):
    try:
        model = nn.Sequential(nn.Linear(3, 2), dtype=dtype)
    except (TypeError, ValueError):
        return
    lm.save(model, path)
    assert_same_state(lm.load(path), model)


# Into a model that is there.


def test_load_into_a_model(path):
    source, target = trained(), network(seed=7)
    lm.save(source, path)
    parameters = target.parameters()
    optimizer = optim.Adam(parameters)
    assert lm.load(path, into=target) is target
    assert target.training  # as it was
    assert_same_state(source, target)
    lm.Trainer(target, nn.CrossEntropyLoss(), optimizer).step(*data())  # the optimizer is still its own


def test_the_seed_is_no_part_of_the_architecture(path):
    """Weights trained from one seed go into the same network made with another."""
    source, target = trained(seed=7), network(seed=8)
    lm.save(source, path)
    lm.load(path, into=target)
    assert_same_state(source, target)


OTHERS = {
    "wider": (lambda: nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)), r"out_features is 9 .* and 8 in"),
    "deeper": (
        lambda: nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3), nn.Tanh()),
        r"layers has 3 entries in the file and 4 in the model",
    ),
    "another activation": (
        lambda: nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3)),
        r"layers\[1\].type is 'ReLU' in the file and 'Tanh' in the model",
    ),
    "without bias": (
        lambda: nn.Sequential(nn.Linear(5, 9, bias=False), nn.ReLU(), nn.Linear(9, 3)),
        r"layers\[0\].bias",
    ),
    "a layer": (lambda: nn.Linear(5, 9), r"type is 'Sequential' in the file and 'Linear' in the model"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_architecture_is_refused_and_named(case, path):
    make, message = OTHERS[case]
    lm.save(nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)), path)
    target = make()
    before = target.state_dict()
    with pytest.raises(ValueError, match=rf"^\[load\] .*model.safetensors holds another architecture: .*{message}"):
        lm.load(path, into=target)
    for key, value in target.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("into", ["model", 5, nn.Sequential, {}], ids=repr)
def test_into_must_be_a_model(into, path):
    lm.save(network(), path)
    with pytest.raises(TypeError, match=r"^\[load\] into is "):
        lm.load(path, into=into)


# Metadata.


def test_metadata(path):
    metadata = {"classes": ["ä", "b"], "epochs": 3, "scale": [0.5, 1e-300], "nested": {"none": None, "yes": True}}
    lm.save(network(), path, metadata)
    assert lm.load_metadata(path) == metadata
    lm.save(network(), path)
    assert lm.load_metadata(path) == {}


def test_metadata_alone_needs_no_values(path):
    """Cut off in the middle of the weights' bytes, the header would still do; but a damaged file is a damaged file."""
    lm.save(network(), path, {"a": 1})
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"^\[load_metadata\] .* is damaged"):
        lm.load_metadata(path)


NOT_JSON = {
    "an array": {"a": np.ones(2)},
    "a set": {"a": {1, 2}},
    "an object": {"a": object()},
    "bytes": {"a": b"x"},
    "a number": 5,
    "text": "text",
    "a list": [1, 2],
}


@pytest.mark.parametrize("case", NOT_JSON)
def test_metadata_that_json_does_not_hold_changes_no_file(case, path):
    lm.save(network(), path, {"old": True})
    before = path.read_bytes()
    with pytest.raises((TypeError, ValueError), match=r"^\[save\] metadata "):
        lm.save(network(), path, NOT_JSON[case])
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_saving_what_is_no_model(path):
    for value in (None, 5, nn.Sequential, network().state_dict(), optim.SGD(network().parameters())):
        with pytest.raises(TypeError, match=r"(?s)^\[save\] model is .* but must be a Module"):
            lm.save(value, path)
    assert not path.exists()


# Writing is all or nothing.


class DiskError(Exception):
    """Of the disk, at a moment of the test's choice."""


@pytest.mark.parametrize("moment", ["fsync", "replace", "chmod", "fdopen"])
@pytest.mark.parametrize("exists", [True, False], ids=["over a file", "a new file"])
def test_a_failure_while_writing_leaves_things_as_they_were(moment, exists, path, monkeypatch):
    if exists:
        lm.save(network(seed=1), path)
        before = path.read_bytes()

    def fail(*arguments, **keywords):
        raise DiskError(moment)

    with monkeypatch.context() as patch:
        patch.setattr(os, moment, fail)
        with pytest.raises(DiskError, match=moment):
            lm.save(network(seed=2), path)
    assert os.listdir(path.parent) == ([path.name] if exists else [])
    if exists:
        assert path.read_bytes() == before


def test_an_interrupt_while_writing_leaves_no_temporary_file(path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            lm.save(network(), path)
    assert os.listdir(path.parent) == []


def test_a_file_has_the_usual_permissions(path):
    before = os.umask(0o027)
    try:
        lm.save(network(), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_paths_of_all_kinds(tmp_path, monkeypatch):
    model = network()
    monkeypatch.chdir(tmp_path)
    for target in (tmp_path / "a", str(tmp_path / "b"), "c", "with space ä.safetensors", "no.ending.at.all"):
        lm.save(model, target)
        assert_same_state(lm.load(target), model)


def test_a_folder_that_is_missing_or_in_the_way(tmp_path):
    with pytest.raises(FileNotFoundError):
        lm.save(network(), tmp_path / "missing" / "model")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        lm.save(network(), tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


# Reading what is damaged, foreign or gone.


def test_a_missing_file(tmp_path):
    for read in (lm.load, lm.load_metadata):
        with pytest.raises(FileNotFoundError, match=r"^\[load\w*\] there is no file .*gone"):
            read(tmp_path / "gone")
        with pytest.raises(FileNotFoundError, match=r"^\[load\w*\] there is no file"):
            read(tmp_path)  # a folder


def test_a_truncated_file_at_any_length(path):
    model = network()
    lm.save(model, path)
    whole = path.read_bytes()
    target = network(seed=0)
    before = target.state_dict()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    lengths = {0, 1, 7, 8, 9, header - 1, header, header + 1, len(whole) - 1, *range(0, len(whole), len(whole) // 40)}
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        for read in (lm.load, lm.load_metadata, lambda p: lm.load(p, into=target)):
            with pytest.raises(ValueError, match=r"^\[load\w*\] .*model.safetensors is damaged or no safetensors file"):
                read(path)
    for key, value in target.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_a_file_with_more_behind_it(path):
    lm.save(network(), path)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="damaged"):
        lm.load(path)


class Mischief:
    """Unpickling it would leave a trace."""

    def __reduce__(self):
        return (os.mkdir, ("trace",))


def foreign_files():
    from safetensors.numpy import save

    tensors = {"0.weight": np.ones((2, 3), np.float32)}
    return {
        "text": b"hello, world\n" * 100,
        "zeros": bytes(4096),
        "noise": np.random.default_rng(0).bytes(4096),
        "a pickle": pickle.dumps(Mischief()),
        "an npy array": b"\x93NUMPY" + bytes(500),
        "a huge header": struct.pack("<Q", 2**60) + b"{}",
        "another safetensors file": save(tensors),
        "another's metadata": save(tensors, metadata={"format": "pt"}),
        "a later format": save(tensors, metadata={"format": "lamella-model-99"}),
    }


@pytest.mark.parametrize("case", foreign_files())
def test_foreign_files(case, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.write_bytes(foreign_files()[case])
    for read in (lm.load, lm.load_metadata):
        with pytest.raises(ValueError, match=r"^\[load\w*\] .*model.safetensors (is damaged|was not written by)"):
            read(path)
    assert os.listdir(path.parent) == [path.name]  # no trace


def rewrite(path, **changes):
    """The file with other metadata; a value of None removes the entry."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as file:
        header = {**file.metadata(), **changes}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    save_file(tensors, path, metadata={key: value for key, value in header.items() if value is not None})


def architecture(*layers):
    return json.dumps({"type": "Sequential", "layers": list(layers)})


HEADERS = {
    "no architecture": {"architecture": None},
    "no dtype": {"dtype": None},
    "not JSON": {"architecture": "{"},
    "not an object": {"architecture": "[1]"},
    "a number": {"architecture": "5"},
    "another dtype": {"dtype": "int8"},
    "an unknown layer": {"architecture": architecture({"type": "Conv2d"})},
    "no type": {"architecture": architecture({"in_features": 3})},
    "a loss": {"architecture": architecture({"type": "MSELoss"})},
    "not a layer": {"architecture": architecture({"type": "Parameter", "shape": [2], "init": None})},
    "the base class": {"architecture": architecture({"type": "Module"})},
    "a private name": {"architecture": architecture({"type": "__loader__"})},
    "a submodule": {"architecture": architecture({"type": "linear"})},
    "an unknown argument": {
        "architecture": architecture({"type": "Linear", "in_features": 3, "out_features": 2, "hook": 1})
    },
    "a missing argument": {"architecture": architecture({"type": "Linear", "in_features": 3})},
    "a wrong argument": {"architecture": architecture({"type": "Linear", "in_features": -3, "out_features": 2})},
    "another shape": {"architecture": architecture({"type": "Linear", "in_features": 3, "out_features": 5})},
    "layers of a layer": {"architecture": architecture({"type": "ReLU", "layers": [{"type": "Tanh"}]})},
    "layers no list": {"architecture": json.dumps({"type": "Sequential", "layers": 5})},
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_makes_no_sense(case, path):
    """Made by hand or by a later version: an error of this library, never of its insides."""
    lm.save(nn.Sequential(nn.Linear(3, 2)), path)
    rewrite(path, **HEADERS[case])
    with pytest.raises(ValueError, match=r"^\[load\] "):
        lm.load(path)


def test_metadata_that_makes_no_sense(path):
    lm.save(nn.Sequential(nn.Linear(3, 2)), path)
    for value in ("{", None):
        rewrite(path, metadata=value)
        with pytest.raises(ValueError, match=r"^\[load_metadata\] "):
            lm.load_metadata(path)


def test_other_tensors_than_the_architectures(path):
    """As after a botched conversion."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    lm.save(nn.Sequential(nn.Linear(3, 2)), path)
    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
    good = load_file(path)
    for tensors in (
        {},
        {"0.weight": good["0.weight"]},
        {**good, "1.weight": good["0.weight"]},
        {**good, "0.weight": good["0.weight"].T.copy()},
    ):
        save_file(tensors, path, metadata=header)
        with pytest.raises(ValueError, match=r"^\[load\] .*[01]\.(weight|bias)"):
            lm.load(path)


def test_a_file_is_plain_safetensors(path):
    """Anybody may read it: with torch's keys, shapes and values, and nothing but text beside them."""
    from safetensors.numpy import load_file

    model = trained()
    lm.save(model, path)
    tensors = load_file(path)
    assert set(tensors) == set(model.state_dict())
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(tensors[key], value, strict=True)
    assert b"pickle" not in path.read_bytes()
