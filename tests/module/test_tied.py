"""Tied weights: one array, two layers, one gradient."""

import copy
import json

import numpy as np
import pytest

import lamella as lm
from gradcheck import check_gradient
from lamella import nn, optim
from reference import assert_same_bits, assert_within, linear_forward, sum_error

SIZES = [1, 3, 7, 16, 17, 33]


def autoencoder(bias=True, dtype="float64", seed=0):
    encoder = nn.Linear(6, 4)
    return nn.Sequential(encoder, nn.Tanh(), nn.Tied(encoder, bias=bias), seed=seed, dtype=dtype)


@pytest.mark.parametrize("bias", [True, False])
def test_kernel_forward(kernel, rng, dtype, threads, bias):
    for n in SIZES:
        for inputs, outputs in [(1, 1), (3, 17), (16, 33), (33, 1), (100, 7)]:
            shapes = [(n, outputs), (inputs, outputs), (inputs,)]
            x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
            b = b if bias else None
            y, many = np.full((2, n, inputs), np.nan, dtype)
            kernel("tied_forward", [y, x, w, b], n, [inputs, outputs], dtype=dtype)
            bound = sum_error(outputs + 1, dtype) * linear_forward(abs(x), abs(w.T), None if b is None else abs(b))
            assert_within(y, linear_forward(x, w.T, b), bound)
            kernel("tied_forward", [many, x, w, b], n, [inputs, outputs], dtype=dtype, threads=threads)
            assert_same_bits(many, y)


@pytest.mark.parametrize("accumulate", [True, False])
def test_kernel_column_sums(kernel, rng, dtype, threads, accumulate):
    for n in SIZES:
        for width in [*SIZES, 64, 65, 200]:
            dy, before = rng.standard_normal((n, width)).astype(dtype), rng.standard_normal(width).astype(dtype)
            old = before.astype(np.float64) * accumulate
            db, many = before.copy(), before.copy()
            kernel("column_sums", [db, dy], n, [width, accumulate], dtype=dtype)
            assert_within(
                db, old + dy.sum(axis=0, dtype=np.float64), sum_error(n + 1, dtype) * (abs(dy).sum(0) + abs(old))
            )
            kernel("column_sums", [many, dy], n, [width, accumulate], dtype=dtype, threads=threads)
            assert_same_bits(many, db)


@pytest.mark.parametrize("bias", [True, False])
def test_it_computes_with_the_transpose(rng, bias):
    model = autoencoder(bias)
    x = rng.standard_normal((9, 6))
    model.parameters()
    if bias:
        model[2].bias.data[...] = rng.standard_normal(6)
    hidden = np.tanh(x @ model[0].weight.data.T + model[0].bias.data)
    want = hidden @ model[0].weight.data + (model[2].bias.data if bias else 0)
    np.testing.assert_allclose(model(x), want, rtol=1e-12)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias"] + ["2.bias"] * bias


def test_both_gradients_are_in_one_place(rng):
    model = autoencoder()
    x, dy = rng.standard_normal((9, 6)), rng.standard_normal((9, 6))
    model(x)
    model.zero_grad()
    model.backward(dy)
    weight, hidden = model[0].weight.data, model[:2](x)
    decoder = hidden.T @ dy
    encoder = (dy @ weight.T * (1 - hidden**2)).T @ x
    np.testing.assert_allclose(model[0].weight.grad, encoder + decoder, rtol=1e-12)
    np.testing.assert_allclose(model[2].bias.grad, dy.sum(axis=0), rtol=1e-12)
    model(x)
    model.backward(dy)  # adds
    np.testing.assert_allclose(model[0].weight.grad, 2 * (encoder + decoder), rtol=1e-12)
    check_gradient(lambda: float((model(x) * dy).sum()), weight, encoder + decoder)


def test_a_whole_step_overwrites(rng):
    """What an earlier batch left in the gradient is not in the next one."""
    model, loss = autoencoder(), nn.MSELoss()
    trainer = lm.Trainer(model, loss, optim.SGD(model.parameters(), lr=0.0))
    x = rng.standard_normal((9, 6))
    for _ in range(3):
        trainer.step(x, x)
        got = [p.grad.copy() for p in model.parameters()]
        loss(model(x), x)
        model.zero_grad()
        model.backward(loss.backward())
        for parameter, gradient in zip(model.parameters(), got, strict=True):
            np.testing.assert_array_equal(parameter.grad, gradient)


def test_the_layer_before_stays_fused():
    encoder = nn.Linear(6, 4)
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), encoder, nn.Tanh(), nn.Tied(encoder))
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(np.ones((4, 6), np.float32), np.ones((4, 6), np.float32))
    program = str(trainer._step.program)
    assert "linear_backward_input + tanh_backward" in program
    assert "linear_forward + tanh_backward" in program


def test_a_decoder_by_itself(rng):
    model = autoencoder()
    decoder = model[2:]
    hidden, target = rng.standard_normal((9, 4)), rng.standard_normal((9, 6))
    np.testing.assert_allclose(decoder(hidden), hidden @ model[0].weight.data, rtol=1e-12)
    assert [p.name for p in decoder.parameters()] == ["2.bias"]
    before = model.state_dict()
    trainer = lm.Trainer(decoder, nn.MSELoss(), optim.SGD(decoder.parameters(), lr=0.1))
    for _ in range(2):  # the gradient of the weight is this batch's alone, but its values stay
        trainer.step(hidden, target)
    after = model.state_dict()
    assert [key for key in before if not np.array_equal(before[key], after[key])] == ["2.bias"]
    error = hidden @ model[0].weight.data + before["2.bias"] - target
    assert np.isfinite(model[0].weight.grad).all()
    assert model[0].weight.grad.shape == (hidden.T @ error).shape
    np.testing.assert_array_equal(model[2](hidden), decoder(hidden))


def test_two_decoders_of_one_encoder_in_a_part(rng):
    """In a part without the encoder the first of them writes the gradient, the other adds."""
    encoder = nn.Linear(6, 4)
    layers = [encoder, nn.Tied(encoder, bias=False), nn.Linear(6, 4), nn.Tied(encoder, bias=False)]
    model = nn.Sequential(*layers, dtype="float64")
    part, loss = model[1:], nn.MSELoss()
    x, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 6))
    trainer = lm.Trainer(part, loss, optim.SGD(part.parameters(), lr=0.0))
    for _ in range(2):
        trainer.step(x, y)
    got = encoder.weight.grad.copy()
    loss(part(x), y)
    encoder.weight.grad[...] = 0
    part.backward(loss.backward())
    np.testing.assert_array_equal(got, encoder.weight.grad)
    check_gradient(lambda: loss(part(x), y), encoder.weight.data, got)


def test_copies_keep_the_tie():
    model = autoencoder()
    twin = copy.deepcopy(model)
    assert twin[2].layer is twin[0]
    assert twin[2].layer is not model[0]


def test_decay_is_applied_once(rng):
    model = autoencoder(bias=False)
    x = rng.standard_normal((9, 6))
    optimizer = optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)
    before = model[0].weight.data.copy()
    model(x)
    model.zero_grad()
    optimizer.step()
    np.testing.assert_allclose(model[0].weight.data, before * (1 - 0.05), rtol=1e-12)


@pytest.mark.parametrize("wrong", [nn.ReLU(), "0", None, nn.Linear])
def test_only_a_linear_can_be_tied_to(wrong):
    with pytest.raises(TypeError, match=r"\[Tied\] layer is .* but must be a Linear"):
        nn.Tied(wrong)


def test_wrong_places_are_refused(rng):
    x = rng.standard_normal((5, 4))
    encoder = nn.Linear(6, 4)
    with pytest.raises(ValueError, match=r"\[Sequential\] layer 1 .* expects 4 features but layer 0 .* gives 5"):
        nn.Sequential(nn.Linear(6, 5), nn.Tied(encoder))
    with pytest.raises(ValueError, match=r"\[Tied\] .* comes after it in the model"):
        nn.Sequential(nn.Tied(encoder), encoder)
    with pytest.raises(ValueError, match=r"\[Tied\] .* is no part of the same model"):
        nn.Sequential(nn.Tied(encoder))(x)
    with pytest.raises(ValueError, match=r"\[Tied\] .* is no part of the same model"):
        nn.Tied(encoder)(x)
    with pytest.raises(TypeError, match=r"\[Tied\] bias is 1 but must be True or False"):
        nn.Tied(encoder, bias=1)
    assert encoder.weight.memory is None  # nothing was made of it
    tied = nn.Tied(encoder)
    with pytest.raises(ValueError, match="is the same object"):
        nn.Sequential(encoder, tied, nn.Linear(6, 4), tied)


def test_an_encoder_that_moves_away(rng):
    model, hidden = autoencoder(), rng.standard_normal((5, 4))
    decoder, want = model[2:], model[2:](hidden)
    other = nn.Sequential(model[0], nn.Linear(4, 2), dtype="float64")
    other.parameters()
    with pytest.raises(ValueError, match=r"\[Tied\] .* is no part of the same model"):
        decoder(hidden)
    np.testing.assert_array_equal(model[2:](hidden), want)  # the model takes it back
    np.testing.assert_array_equal(decoder(hidden), want)


def test_a_part_of_another_model_is_refused_and_moves_nothing(rng):
    model, hidden = autoencoder(), rng.standard_normal((5, 4))
    want = model[2:](hidden)
    with pytest.raises(ValueError, match=r"\[Tied\] .* is no part of the same model"):
        nn.Sequential(*model[2:], nn.Linear(6, 2), dtype="float64").parameters()
    np.testing.assert_array_equal(model[2:](hidden), want)


# Files.


def rewrite(path, change):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as file:
        header, state = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    architecture = json.loads(header["architecture"])
    change(architecture["layers"])
    save_file(state, path, {**header, "architecture": json.dumps(architecture)})


def test_a_file_refers_to_the_linear_by_its_place(tmp_path):
    path = tmp_path / "m.safetensors"
    lm.save(autoencoder(), path)
    seen = []
    rewrite(path, lambda layers: seen.append(layers[2]))
    assert seen == [{"type": "Tied", "layer": {"reference": "0"}, "bias": True}]
    loaded = lm.load(path)
    assert loaded[2].layer is loaded[0]


@pytest.mark.parametrize(
    "value",
    [
        {"reference": "7"},
        {"reference": "2"},
        {"reference": "1"},
        {"reference": ["0"]},
        {"reference": None},
        {},
        "0",
        0,
        None,
        [],
        {"reference": ""},
        {"reference": "0.0"},
    ],
    ids=repr,
)
def test_a_damaged_reference(value, tmp_path):
    path = tmp_path / "m.safetensors"
    lm.save(autoencoder(), path)
    rewrite(path, lambda layers: layers[2].update(layer=value))
    with pytest.raises(ValueError, match=r"^\[load\] "):
        lm.load(path)


def test_references_in_the_wrong_order(tmp_path):
    path = tmp_path / "m.safetensors"
    lm.save(autoencoder(), path)
    rewrite(path, lambda layers: layers.reverse())
    with pytest.raises(ValueError, match=r"^\[load\] "):
        lm.load(path)


def test_a_decoder_alone_is_not_saved(tmp_path):
    model = autoencoder()
    with pytest.raises(ValueError, match=r"\[save\] .* no part of what is to be saved"):
        lm.save(model[2:], tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_another_tie_is_another_architecture(tmp_path):
    def make(which):
        layers = [nn.Linear(4, 4), nn.Linear(4, 4)]
        return nn.Sequential(*layers, nn.Tied(layers[which]))

    lm.save(make(0), tmp_path / "m.safetensors")
    lm.load(tmp_path / "m.safetensors", into=make(0))
    with pytest.raises(ValueError, match=r"layers\[2\]\.layer\.reference is '0' in the file and '1' in the model"):
        lm.load(tmp_path / "m.safetensors", into=make(1))
