"""What holds for every structure: gradients, by hand or in a program, threads, copies, files, modes."""

import copy
import pickle

import numpy as np
import pytest

import lamella as lm
from gradcheck import check_gradient
from lamella import nn, optim
from module.networks import assert_same_state
from module.structures import INDICES, OUTPUTS, STRUCTURES, Doubler, batch, hold_randomness, model

each_structure = pytest.mark.parametrize("name", STRUCTURES)


def free_columns(name):
    """Columns of the input that may have any value."""
    return [c for c in range(6) if "embedding" not in name or c not in INDICES]


@pytest.mark.parametrize("training", [True, False])
@each_structure
def test_gradients(rng, name, training):
    net, criterion = model(name).train(training), nn.MSELoss()
    for parameter in net.parameters():
        if len(parameter.shape) == 1:
            parameter.data[...] = rng.uniform(0.5, 1.5, parameter.shape)
    x, target = batch(rng, name, 5), rng.standard_normal((5, OUTPUTS))
    free = x[:, free_columns(name)].copy()

    def value():
        hold_randomness(net)
        x[:, free_columns(name)] = free
        before = net.penalty_total() or 0.0
        loss = criterion(net(x), target)
        return loss + (net.penalty_total() or 0.0) - before

    value()
    net.zero_grad()
    dx = net.backward(criterion.backward())
    gradients = [parameter.grad.copy() for parameter in net.parameters()]
    check_gradient(value, free, dx[:, free_columns(name)])
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        if np.linalg.norm(gradient) < 1e-12:  # of a bias before a norm that trains
            assert training
            assert name == "residual with norm"
            continue
        check_gradient(value, parameter.data, gradient)
    if "embedding" in name and "branches" not in name:
        np.testing.assert_array_equal(dx[:, list(INDICES)], 0)


def train(net, way, x, y, batch_size=16):
    """Three epochs; the losses and the last gradients."""
    loss, optimizer = nn.MSELoss(), optim.Adam(net.parameters(), lr=0.01)
    trainer = lm.Trainer(net, loss, optimizer)
    losses = []
    if way == "fit":
        losses = trainer.fit(x, y, epochs=3, batch_size=batch_size, shuffle=False)["loss"]
    for _ in range(3 if way != "fit" else 0):
        total = 0.0
        for begin in range(0, len(x), batch_size):
            rows = slice(begin, begin + batch_size)
            if way == "step":
                value = trainer.step(x[rows], y[rows])
            else:
                value = loss(net(x[rows]), y[rows])
                net.zero_grad()
                net.backward(loss.backward())
                optimizer.step()
            total += value * len(x[rows])
        losses.append(total / len(x))
    return losses, [p.grad.copy() for p in net.parameters()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_structure
def test_by_hand_by_step_and_by_fit_are_the_same_bits(rng, name, dtype):
    x, y = batch(rng, name, 40, dtype), rng.standard_normal((40, OUTPUTS)).astype(dtype)
    nets = {way: model(name, dtype) for way in ("hand", "step", "fit")}
    results = {way: train(net, way, x, y) for way, net in nets.items()}
    for way in ("step", "fit"):
        assert results[way][0] == results["hand"][0]
        for got, want in zip(results[way][1], results["hand"][1], strict=True):
            np.testing.assert_array_equal(got, want)
        assert_same_state(nets[way], nets["hand"])


@pytest.mark.usefixtures("share_all_work", "restore_threads")
@each_structure
def test_threads_give_the_same_bits(rng, name):
    x, y = batch(rng, name, 70, "float32"), rng.standard_normal((70, OUTPUTS)).astype("float32")
    first = None
    for threads in (1, 2, 3):
        lm.set_num_threads(threads)
        net = model(name, "float32")
        losses, gradients = train(net, "fit", x, y, 35)
        found = [np.array(losses), *gradients, *net.state_dict().values(), net.predict(x)]
        first = first or found
        for got, want in zip(found, first, strict=True):
            np.testing.assert_array_equal(got, want)


@each_structure
def test_predict_is_the_evaluation_in_blocks(rng, name):
    net, x = model(name), batch(rng, name, 33)
    net(x)
    want = net.eval()(x)
    for size in (1024, 7, 1):
        np.testing.assert_allclose(net.predict(x, size), want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
@each_structure
def test_a_copy_goes_on_alike(rng, name, duplicate):
    x, y = batch(rng, name, 20), rng.standard_normal((20, OUTPUTS))
    net = model(name)
    train(net, "fit", x, y)
    twin = duplicate(net)
    assert repr(twin) == repr(net)
    results = [train(each, "fit", x, y) for each in (net, twin)]
    assert results[0][0] == results[1][0]
    assert_same_state(net, twin)
    state = net.state_dict()
    train(twin, "fit", x, y)
    assert_same_state(net, state)


@each_structure
def test_a_file_holds_it(rng, name, tmp_path):
    path = tmp_path / "model.safetensors"
    x, y = batch(rng, name, 20), rng.standard_normal((20, OUTPUTS))
    net = model(name)
    train(net, "fit", x, y)
    lm.save(net, path)
    loaded = lm.load(path)
    assert repr(loaded) == repr(net)
    assert_same_state(loaded, net)
    np.testing.assert_array_equal(loaded(x), net.predict(x))
    other = model(name, seed=8)
    lm.load(path, into=other)
    assert_same_state(other, net)
    lm.save(loaded, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@each_structure
def test_a_state_dict_carries_over(rng, name):
    net, other, x = model(name).eval(), model(name, seed=9).eval(), batch(rng, name, 9)
    other.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(other(x), net(x))


@each_structure
def test_slices_make_up_the_whole(rng, name):
    net, x = model(name).eval(), batch(rng, name, 9)
    want = net(x)
    for at in range(1, len(net)):
        np.testing.assert_array_equal(net[at:](net[:at](x)), want)


@each_structure
def test_it_shows_itself(name):
    net = model(name)
    assert repr(net).endswith(f"{net.num_parameters:,} parameters")
    lines = net.summary().splitlines()
    assert lines[-1].startswith(f"{net.num_parameters:,} parameters")
    assert lines[-3].split()[0].split(".")[0] == str(len(net) - 1)
    counts = [line.split()[-1].replace(",", "") for line in lines[2:-2]]
    assert sum(int(count) for count in counts if count != "-") == net.num_parameters
    assert net.output_width(6) == OUTPUTS


@pytest.mark.parametrize("name", [name for name in STRUCTURES if "embedding" not in name])  # those stand first
def test_layers_in_python_between_all_others(rng, name):
    """The native parts end everywhere; the numbers stay the same, but for the factors."""

    class Same:
        def forward(self, x):
            return x.copy()

        def backward(self, dy):
            return dy

    def with_python(module):
        if isinstance(module, nn.Sequential):
            layers = [part for layer in module for part in (Same(), with_python(layer))]
            return type(module)(*layers, Same())
        if isinstance(module, nn.Concat):
            return nn.Concat(*[nn.Sequential(Same(), with_python(layer)) for layer in module])
        return module

    x, dy = batch(rng, name, 9), rng.standard_normal((9, OUTPUTS))
    native = model(name)
    native.store()
    mixed = with_python(copy.deepcopy(native))
    mixed.dtype = "float64"
    for (_, a), (_, b) in zip(native.named_parameters(), mixed.named_parameters(), strict=True):
        assert a.shape == b.shape
    mixed.store()
    places = [m.settings["layer"] for _, m in native.named_modules() if m.settings and "layer" in m.settings.fields]
    for _, module in mixed.named_modules():
        if module.settings is not None and "layer" in module.settings.fields:
            module.settings["layer"], module.settings["seed"] = places.pop(0), native.seed
    results = []
    for net in (native, mixed):
        net.zero_grad()
        results.append([net(x), net.backward(dy), *[p.grad.copy() for p in net.parameters()]])
    for got, want in zip(*results, strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_step_with_python_inside_is_the_steps_by_hand(rng):
    def make():
        return nn.Sequential(
            nn.Residual(nn.Linear(6, 5), Doubler(), nn.Linear(5, 6)),
            nn.Concat(Doubler(), nn.Linear(6, 2)),
            nn.Linear(8, 3),
            seed=1,
            dtype="float64",
        )

    x, y = rng.standard_normal((20, 6)), rng.standard_normal((20, 3))
    nets = [make(), make()]
    results = [train(net, way, x, y) for net, way in zip(nets, ("hand", "fit"), strict=True)]
    assert results[0][0] == results[1][0]
    assert_same_state(*nets)
