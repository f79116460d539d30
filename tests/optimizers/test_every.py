"""Every optimizer by hand, step by step and in fit; threads; states; dtypes."""

import copy

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from optimizers.every import COMMON, NAMES, assert_same, contents, data, make, network


def by_hand(model, loss, optimizer, x, y):
    model.train()
    loss(model(x), y)
    model.zero_grad()
    model.backward(loss.backward())
    optimizer.step()


@pytest.mark.parametrize("common", [{}, COMMON], ids=["plain", "all"])
@pytest.mark.parametrize("name", NAMES)
def test_by_hand_by_steps_and_by_fit(name, common):
    """The same bits, in float32."""
    x, y = (a.astype("float32") for a in data())
    found = []
    for way in ("hand", "step", "fit"):
        model = network("float32")
        optimizer, loss = make(name, model, **common), nn.MSELoss()
        trainer = lm.Trainer(model, loss, optimizer)
        if way == "fit":
            trainer.fit(x, y, epochs=3, batch_size=40, shuffle=False)
            found.append(contents(model, optimizer))
            continue
        for _ in range(3):
            for rows in (slice(0, 40), slice(40, 80), slice(80, 90)):
                optimizer.train()
                by_hand(model, loss, optimizer, x[rows], y[rows]) if way == "hand" else trainer.step(x[rows], y[rows])
            optimizer.eval()
        found.append(contents(model, optimizer))
    assert_same(found[1], found[0])
    assert_same(found[2], found[0])


@pytest.mark.parametrize("name", NAMES)
def test_it_learns(name):
    x, y = data(200)
    y = np.tanh(x[:, :1] * x[:, 1:2])
    model = network()
    trainer = lm.Trainer(model, nn.MSELoss(), make(name, model))
    first = trainer.evaluate(x, y)["loss"]
    trainer.fit(x, y, epochs=60, batch_size=50)
    assert trainer.evaluate(x, y)["loss"] < 0.8 * first


@pytest.mark.usefixtures("share_all_work", "restore_threads")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_threads_give_the_same_bits(name, dtype):
    x, y = data()
    found = []
    for threads in (1, 2, 3):
        lm.set_num_threads(threads)
        model = network(dtype)
        optimizer = make(name, model, **COMMON)
        lm.Trainer(model, nn.MSELoss(), optimizer).fit(x, y, epochs=2, batch_size=30)
        found.append({**contents(model, optimizer), "penalty": np.array(optimizer.penalty())})
    assert_same(found[1], found[0])
    assert_same(found[2], found[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_stopping_and_going_on_is_never_stopping(name, dtype):
    x, y = data()
    whole, half = network(dtype), network(dtype)
    through, first = make(name, whole, **COMMON), make(name, half, **COMMON)
    lm.Trainer(whole, nn.MSELoss(), through).fit(x, y, epochs=3, batch_size=30, shuffle=False)
    lm.Trainer(half, nn.MSELoss(), first).fit(x, y, epochs=1, batch_size=30, shuffle=False)
    other = network(dtype, seed=9)
    second = make(name, other)  # its settings come with the state
    other.load_state_dict(half.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert_same(contents(other, second), contents(half, first))
    assert repr(second) == repr(first)
    lm.Trainer(other, nn.MSELoss(), second).fit(x, y, epochs=2, batch_size=30, shuffle=False)
    assert_same(contents(other, second), contents(whole, through))


@pytest.mark.parametrize("name", NAMES)
def test_groups_have_settings_of_their_own(name):
    """Each group moves as if it were alone; neighbours in memory belong to different groups."""
    x, y = data()
    loss = nn.MSELoss()
    mixed, low, high = network(), network(), network()
    parameters = mixed.parameters()
    kind = type(make(name, low))
    implied = ("params", "decoupled_weight_decay") if kind is optim.AdamW else ("params",)
    settings = {k: v for k, v in make(name, low).param_groups[0].items() if k not in implied}
    groups = [{"params": parameters[::2]}, {"params": parameters[1::2], "lr": 0.003, "l1": 0.01}]
    optimizers = [
        kind(groups, **settings),
        kind(low.parameters(), **settings),
        kind(high.parameters(), **{**settings, "lr": 0.003, "l1": 0.01}),
    ]
    for model, optimizer in zip((mixed, low, high), optimizers, strict=True):
        by_hand(model, loss, optimizer, x, y)
    for index, (got, a, b) in enumerate(zip(parameters, low.parameters(), high.parameters(), strict=True)):
        np.testing.assert_array_equal(got.data, (b if index % 2 else a).data)
    assert "2 groups" in repr(optimizers[0])


@pytest.mark.parametrize("name", NAMES)
def test_only_weights_decay_by_default(name):
    """A gradient of zero leaves biases alone and shrinks weights, if anything."""
    for by_default in (True, False):
        model = network()
        for parameter in model.parameters():
            parameter.data[...] = 1.0
        optimizer = make(name, model, weight_decay=0.5, lr=0.1, decay_bias=not by_default)
        model.zero_grad()
        for _ in range(8):  # some warm up
            optimizer.step()
        for parameter in model.parameters():
            shrunk = (parameter.data < 1).all()
            assert shrunk == (len(parameter.shape) == 2 or not by_default), parameter.name


@pytest.mark.parametrize("name", NAMES)
def test_settings_take_effect_at_once(name):
    """Those that change which ops there are, too, in a trainer that is under way."""
    x, y = data()
    found = []
    for late in (True, False):
        model = network()
        optimizer = make(name, model, **({} if late else COMMON))
        trainer = lm.Trainer(model, nn.MSELoss(), optimizer)
        if late:
            saved = model.state_dict(), optimizer.state_dict()
            trainer.step(x, y)
            model.load_state_dict(saved[0])
            optimizer.load_state_dict(saved[1])
            optimizer.clip_norm = COMMON["clip_norm"]
            optimizer.param_groups[0].update({k: v for k, v in COMMON.items() if k != "clip_norm"})
        trainer.step(x, y)
        trainer.step(x, y)
        found.append(contents(model, optimizer))
    assert_same(found[0], found[1])


@pytest.mark.parametrize("name", NAMES)
def test_what_it_held_is_given_back(name):
    """As soon as it goes: without a collection of cycles."""
    model = network()
    x, y = data(20)
    for _ in range(40):  # there are 32 slots
        lm.Trainer(model, nn.MSELoss(), make(name, model, clip_norm=1.0)).step(x, y)


def test_muon_changes_its_number_of_products():
    x, y = data()
    model, twin = network(), network()
    optimizer, other = optim.Muon(model.parameters(), ns_steps=2), optim.Muon(twin.parameters(), ns_steps=3)
    trainer = lm.Trainer(model, nn.MSELoss(), optimizer)
    trainer.prepare(7, y)
    optimizer.param_groups[0]["ns_steps"] = 3
    trainer.step(x, y)
    lm.Trainer(twin, nn.MSELoss(), other).step(x, y)
    assert_same(contents(model, optimizer), contents(twin, other))
