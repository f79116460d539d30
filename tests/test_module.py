"""Modules and containers: structure, modes, memory, sharing, copies, seeds; and one training in three spellings."""

import copy
import itertools
import pickle

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim

DTYPES = ("float32", "float64")
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=1e-3),
}


def network(dtype="float32", seed=0):
    """Every layer there is, nested, with odd widths."""
    return nn.Sequential(
        nn.Linear(11, 33),
        nn.BatchNorm1d(33),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Sequential(nn.Linear(33, 17, bias=False), nn.Tanh(), nn.Dropout(0.1)),
        nn.Sigmoid(),
        nn.Linear(17, 4),
        seed=seed,
        dtype=dtype,
    )


def plain(seed=0):
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3), seed=seed)


def data(n=100, width=11, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, width)).astype(np.float32), rng.integers(classes, size=n)


def assert_same_state(a, b):
    """Two models (or state dicts) have the same bits."""
    first, second = (m if isinstance(m, dict) else m.state_dict() for m in (a, b))
    assert list(first) == list(second)
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], err_msg=key, strict=True)


# Structure.


def test_sequential_is_a_sequence():
    layers = [nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[0] is layers[0]
    assert model[-1] is layers[2]
    with pytest.raises(IndexError):
        model[3]
    with pytest.raises(TypeError):
        model["0"]


def test_a_slice_shares_weights():
    model = plain()
    x, _ = data(6, 5)
    encoder, head = model[:2], model[2:]
    assert isinstance(encoder, nn.Sequential)
    np.testing.assert_array_equal(head(encoder(x)), model(x))
    head[0].bias.data[...] = 7
    np.testing.assert_array_equal(head(encoder(x)), model(x))
    assert (model[2].bias.data == 7).all()


def test_a_slice_trains_the_whole():
    model, x, y = plain(), *data(20, 5, 3)
    before = model.state_dict()
    head = model[2:]
    trainer = lm.Trainer(head, nn.CrossEntropyLoss(), optim.SGD(head.parameters(), lr=0.1))
    trainer.step(model[:2](x), y)
    after = model.state_dict()
    assert [k for k in before if not np.array_equal(before[k], after[k])] == ["2.weight", "2.bias"]


def test_a_slice_has_the_mode_of_the_whole():
    assert not network().eval()[2:4].training
    x = np.ones((3, 33), np.float32)
    np.testing.assert_array_equal(network().eval()[3:4](x), x)


def test_nested_and_flat_are_the_same_network():
    x, _ = data(9, 5)
    nested = nn.Sequential(nn.Sequential(nn.Linear(5, 8), nn.ReLU()), nn.Sequential(nn.Sequential(nn.Linear(8, 3))))
    flat = plain()
    nested.load_state_dict(dict(zip(nested.state_dict(), flat.state_dict().values(), strict=True)))
    assert list(nested.state_dict()) == ["0.0.weight", "0.0.bias", "1.0.0.weight", "1.0.0.bias"]
    np.testing.assert_array_equal(nested(x), flat(x))
    dy = np.ones((9, 3))
    np.testing.assert_array_equal(nested.backward(dy), flat.backward(dy))


def test_parameters_have_names_shapes_and_views():
    model = network()
    shapes = {name: p.shape for name, p in model.named_parameters()}
    assert shapes == {
        "0.weight": (33, 11),
        "0.bias": (33,),
        "1.weight": (33,),
        "1.bias": (33,),
        "4.0.weight": (17, 33),
        "6.weight": (4, 17),
        "6.bias": (4,),
    }
    assert [p.name for p in model.parameters()] == list(shapes)
    assert model.num_parameters == sum(np.prod(shape) for shape in shapes.values())
    for parameter in model.parameters():
        assert parameter.data.shape == parameter.grad.shape == parameter.shape
        assert parameter.size == parameter.data.size


def test_parameter_data_is_the_models_own():
    model = plain().eval()
    x, _ = data(4, 5)
    bias = model.parameters()[3].data
    optim.Adam(model.parameters())  # makes slots: what is there already stays where it is
    before = model(x)
    bias += 1
    np.testing.assert_allclose(model(x), before + 1, rtol=1e-6)
    model[2].weight.data[...] = 0
    assert np.shares_memory(model[2].bias.data, bias)
    np.testing.assert_array_equal(model(x), np.broadcast_to(bias, (4, 3)))


def test_state_dict_is_a_copy():
    model = plain()
    state = model.state_dict()
    state["0.weight"][...] = 0
    assert model.state_dict()["0.weight"].any()
    assert all(value.flags.c_contiguous for value in state.values())


def test_repr_shows_layers_and_parameters():
    assert repr(plain()) == (
        "Sequential(\n"
        "  (0): Linear(in_features=5, out_features=8, bias=True)\n"
        "  (1): ReLU()\n"
        "  (2): Linear(in_features=8, out_features=3, bias=True)\n"
        ")  # 75 parameters"
    )
    assert repr(nn.Sequential()) == "Sequential()"
    nested = repr(nn.Sequential(nn.Sequential(nn.Linear(1, 1, bias=False), nn.Dropout(0.25))))
    assert "    (0): Linear(in_features=1, out_features=1, bias=False)\n" in nested
    assert "Dropout(p=0.25)" in nested
    assert nested.endswith(")  # 1 parameter")
    assert "BatchNorm1d(num_features=3, eps=1e-05, momentum=0.1, affine=True)" in repr(nn.BatchNorm1d(3))


def test_summary_has_a_line_a_layer_and_the_total():
    lines = network().summary().splitlines()
    assert len(lines) == 2 + 9 + 2
    assert [line.split()[0] for line in lines[2:-2]] == ["0", "1", "2", "3", "4.0", "4.1", "4.2", "5", "6"]
    assert "(n, 33)" in lines[2]
    assert lines[2].endswith(" 396")
    assert lines[4].endswith(" -")
    assert lines[-1].startswith(f"{network().num_parameters:,} parameters")
    assert "(n, ?)" in nn.Sequential(nn.ReLU()).summary()


# Modes.


def test_train_and_eval_reach_all_layers_and_return_the_model():
    model = network()
    assert all(m.training for _, m in model.named_modules())
    assert model.eval() is model
    assert not any(m.training for _, m in model.named_modules())
    assert model.train() is model
    assert all(m.training for _, m in model.named_modules())


def test_evaluation_drops_nothing_and_changes_nothing():
    model = network().eval()
    x, _ = data()
    before = model.state_dict()
    np.testing.assert_array_equal(model(x), model(x))
    assert_same_state(before, model)


def test_training_mode_drops_and_follows_statistics():
    model = network()
    x, _ = data()
    before = model.state_dict()
    assert not np.array_equal(model(x), model(x))
    after = model.state_dict()
    changed = [key for key in before if not np.array_equal(before[key], after[key])]
    assert changed == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_in_blocks_has_the_bits_of_one_call(dtype):
    model = network(dtype)
    x, y = data(301)
    lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters())).fit(x, y)
    whole = model.eval()(x)
    model.train()
    for block in (1, 2, 7, 16, 33, 300, 301, 302, 10**12):
        np.testing.assert_array_equal(model.predict(x, batch_size=block), whole, strict=True)
    assert model.training


def test_predict_keeps_a_pending_backward():
    model, x = plain(), data(6, 5)[0]
    model(x)
    expected = model.backward(np.ones((6, 3)))
    model(x)
    model.predict(2 * x)
    np.testing.assert_array_equal(model.backward(np.ones((6, 3))), expected)


# Batches of any size, and the arrays that come back.


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_do_not_depend_on_earlier_batches(dtype):
    """One model for all batch sizes, and a new one for each: the same outputs and gradients."""

    def make():
        return nn.Sequential(
            nn.Linear(11, 33), nn.BatchNorm1d(33), nn.ReLU(), nn.Linear(33, 5), nn.Tanh(), dtype=dtype, seed=1
        )

    used = make()
    for n in (2, 1000, 3, 17, 257, 1001, 64, 2, 5000):
        x, _ = data(n, seed=n)
        dy = np.random.default_rng(n).standard_normal((n, 5))
        fresh = make()
        used.zero_grad()
        np.testing.assert_array_equal(used(x), fresh(x), strict=True)
        np.testing.assert_array_equal(used.backward(dy), fresh.backward(dy), strict=True)
        for mine, other in zip(used.parameters(), fresh.parameters(), strict=True):
            np.testing.assert_array_equal(mine.grad, other.grad)


def test_a_trainer_takes_batches_of_any_size():
    one, other = network(), network()
    opt, other_opt = (OPTIMIZERS["Adam"](m.parameters()) for m in (one, other))
    trainer = lm.Trainer(one, nn.CrossEntropyLoss(), opt)
    for n in (2, 700, 3, 65):
        x, y = data(n, seed=n)
        # A new Trainer each time, whose buffers have the batch's own size.
        assert trainer.step(x, y) == lm.Trainer(other, nn.CrossEntropyLoss(), other_opt).step(x, y)
    assert_same_state(one, other)


def test_a_model_without_fixed_width_takes_any():
    layer = nn.ReLU()
    for width in (3, 1, 70, 3):
        x = np.random.default_rng(width).standard_normal((4, width)).astype(np.float32)
        np.testing.assert_array_equal(layer(x), np.maximum(x, 0))
        np.testing.assert_array_equal(layer.backward(np.ones((4, width))), x > 0)


def test_a_layer_works_by_itself():
    layer = nn.Linear(3, 2)
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(layer(x), x @ layer.weight.data.T + layer.bias.data, rtol=1e-6)
    np.testing.assert_allclose(layer.backward(np.ones((2, 2))), np.ones((2, 2)) @ layer.weight.data, rtol=1e-6)


def test_outputs_are_fresh_arrays_that_stay():
    model, loss = network(), nn.MSELoss()
    x, _ = data(8)
    seen = []
    for scale in (1, 2, 3):
        y = model(scale * x)
        loss(y, np.zeros((8, 4)))
        dy = loss.backward()
        dx = model.backward(dy)
        p = model.predict(scale * x)
        seen += [(a, a.copy()) for a in (y, dy, dx, p)]
    model(np.ones((500, 11)))  # room for more rows is made elsewhere
    del model, loss
    for i, (array, copied) in enumerate(seen):
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, copied)
        assert not any(np.shares_memory(array, other) for other, _ in seen[:i])


def test_the_input_may_be_reused_before_the_backward():
    results = []
    for spoil in (False, True):
        model, x = plain(), data(6, 5)[0]
        y = model(x)
        if spoil:
            x[...] = np.nan
            y[...] = np.nan
        dx = model.backward(np.ones((6, 3)))
        results.append((dx, *(p.grad.copy() for p in model.parameters())))
    for clean, spoilt in zip(*results, strict=True):
        np.testing.assert_array_equal(clean, spoilt)


def test_an_empty_sequential_is_the_identity():
    x = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    model = nn.Sequential()
    np.testing.assert_array_equal(model(x), x)
    np.testing.assert_array_equal(model.backward(2 * x), 2 * x)
    np.testing.assert_array_equal(model.predict(x), x)


# Gradients.


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_backwards_add_up(dtype):
    model = network(dtype).eval()  # dropout would differ from call to call
    sums = []
    for passes in ((0,), (1,), (0, 1)):
        model.zero_grad()
        for seed in passes:
            model(data(seed=seed)[0])
            model.backward(np.random.default_rng(seed).standard_normal((100, 4)))
        sums.append([p.grad.copy() for p in model.parameters()])
    for first, second, both in zip(*sums, strict=True):
        # The second sum may start from the first's value: a rounding for each of a hundred rows.
        np.testing.assert_allclose(both, first + second, rtol=0, atol=100 * np.finfo(dtype).eps * np.abs(both).max())


def test_zero_grad_of_a_part_leaves_the_rest():
    model, x = plain(), data(6, 5)[0]
    model(x)
    model.backward(np.ones((6, 3)))
    model[0].zero_grad()
    assert not model[0].weight.grad.any()
    assert model[2].weight.grad.any()
    model.zero_grad()
    assert not any(p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_of_some_parameters_leaves_the_others(name):
    for chosen in (slice(None, 2), slice(2, None), slice(None, None, 2), slice(4, 5)):
        model = network()
        parameters = model.parameters()[chosen]
        names = {p.name for p in parameters}
        before = model.state_dict()
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS[name](parameters))
        trainer.fit(*data(), epochs=2)
        after = model.state_dict()
        changed = {key for key in before if not np.array_equal(before[key], after[key])}
        assert changed - {"1.running_mean", "1.running_var", "1.num_batches_tracked"} == names


# One training, three spellings.


def by_hand(model, loss, optimizer, x, y, batch_size, epochs):
    losses = []
    model.train()
    for _ in range(epochs):
        for begin in range(0, len(x), batch_size):
            rows = slice(begin, begin + batch_size)
            losses.append(loss(model(x[rows]), y[rows]))
            model.zero_grad()
            model.backward(loss.backward())
            optimizer.step()
    return losses


def by_steps(model, loss, optimizer, x, y, batch_size, epochs):
    trainer = lm.Trainer(model, loss, optimizer)
    starts = [begin for _ in range(epochs) for begin in range(0, len(x), batch_size)]
    return [trainer.step(x[b : b + batch_size], y[b : b + batch_size]) for b in starts]


LOSSES = {
    "cross-entropy": (nn.CrossEntropyLoss, lambda y: y),
    "binary": (nn.BCEWithLogitsLoss, lambda y: np.eye(4)[y]),
    "squares": (lambda: nn.MSELoss("sum"), lambda y: 0.1 * np.eye(4)[y]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_by_hand_by_step_and_by_fit_are_the_same_bits(name, loss, dtype):
    x, y = data(75)
    make_loss, encode = LOSSES[loss]
    y = encode(y)
    models = [network(dtype) for _ in range(3)]
    optimizers = [OPTIMIZERS[name](model.parameters()) for model in models]
    hand = by_hand(models[0], make_loss(), optimizers[0], x, y, 32, epochs=3)
    steps = by_steps(models[1], make_loss(), optimizers[1], x, y, 32, epochs=3)
    trainer = lm.Trainer(models[2], make_loss(), optimizers[2])
    history = trainer.fit(x, y, epochs=3, batch_size=32, shuffle=False)
    assert hand == steps
    means = [np.average(steps[3 * e : 3 * e + 3], weights=[32, 32, 11]) for e in range(3)]
    np.testing.assert_allclose(history["loss"], means, rtol=1e-12)
    for model, optimizer in zip(models[1:], optimizers[1:], strict=True):
        assert_same_state(models[0], model)
        for a, b in zip(models[0].parameters(), model.parameters(), strict=True):
            np.testing.assert_array_equal(a.grad, b.grad)
        for number, slots in optimizers[0].state_dict()["state"].items():
            for key, value in slots.items():
                np.testing.assert_array_equal(value, optimizer.state_dict()["state"][number][key])


def test_spellings_mix():
    """The optimizer's steps and the dropout's masks go on whatever ran before."""
    x, y = data(64)
    mixed, plainly = network(), network()
    optimizer, other = (OPTIMIZERS["Adam"](m.parameters()) for m in (mixed, plainly))
    by_hand(mixed, nn.CrossEntropyLoss(), optimizer, x, y, 32, 1)
    trainer = lm.Trainer(mixed, nn.CrossEntropyLoss(), optimizer)
    trainer.fit(x, y, batch_size=32, shuffle=False)
    by_hand(mixed, nn.CrossEntropyLoss(), optimizer, x, y, 32, 1)
    trainer.step(x[:32], y[:32])
    trainer.step(x[32:], y[32:])
    by_hand(plainly, nn.CrossEntropyLoss(), other, x, y, 32, 4)
    assert_same_state(mixed, plainly)


def test_a_trainer_trains_whatever_the_mode_and_leaves_it():
    x, y = data(64)
    states = []
    for mode in (True, False):
        model = network().train(mode)
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), OPTIMIZERS["SGD"](model.parameters()))
        trainer.step(x, y)
        trainer.fit(x, y)
        assert all(m.training is mode for _, m in model.named_modules())
        states.append(model.state_dict())
    assert_same_state(*states)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_fit_writes_down(loss):
    make, encode = LOSSES[loss]
    x, y = data()
    y = encode(y)
    model = network()
    trainer = lm.Trainer(model, make(), optim.SGD(model.parameters(), lr=1e-3))
    seen = []

    def look(epoch, record):
        seen.append((epoch, dict(record), trainer.evaluate(x[:30], y[:30])))

    history = trainer.fit(x, y, 3, validation_data=(x[:30], y[:30]), on_epoch=look)
    score = make().score_name
    assert set(history) == {"loss", score, "seconds", "val_loss", f"val_{score}"}
    assert history.epochs == 3
    assert "3 epochs" in repr(history)
    for epoch, record, evaluated in seen:
        assert record == {key: values[epoch] for key, values in history.items()}
        assert record["val_loss"] == evaluated["loss"]
        assert record[f"val_{score}"] == evaluated[score]
    # The evaluation is the loss of the outputs, and the score what its name says.
    criterion, outputs = make(), model.predict(x)
    assert trainer.evaluate(x, y) == {"loss": criterion(outputs, y), score: criterion.score}
    expected = np.mean((outputs - y) ** 2) if score == "mse" else np.mean(criterion.decide(outputs) == y)
    assert criterion.score == pytest.approx(expected, rel=1e-6)


# Sharing.


def encoder():
    return nn.Sequential(nn.Linear(11, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2))


def test_an_encoder_in_two_models_keeps_its_weights():
    x, y = data()
    shared = encoder()
    first = nn.Sequential(shared, nn.Linear(8, 4), seed=5)
    lm.Trainer(first, nn.CrossEntropyLoss(), optim.Adam(first.parameters())).fit(x, y, epochs=2)
    trained = shared.state_dict()
    expected = first.predict(x)

    second = nn.Sequential(shared, nn.Linear(8, 2), seed=9)
    second.parameters()  # moves the encoder over
    assert_same_state(shared, trained)
    assert {k.removeprefix("0."): v.tolist() for k, v in second.state_dict().items() if k.startswith("0.")} == {
        k: v.tolist() for k, v in trained.items()
    }
    np.testing.assert_array_equal(first.predict(x), expected)  # moves it back

    optimizer = optim.SGD(second.parameters(), lr=0.5)  # and over again
    lm.Trainer(second, nn.CrossEntropyLoss(), optimizer).step(x, y % 2)
    changed = {k.removeprefix("0."): v.tolist() for k, v in second.state_dict().items() if k.startswith("0.")}
    assert changed != {k: v.tolist() for k, v in trained.items()}
    assert {k: v.tolist() for k, v in shared.state_dict().items()} == changed
    assert {k.removeprefix("0."): v.tolist() for k, v in first.state_dict().items() if k.startswith("0.")} == changed


@pytest.mark.parametrize("call", ["step", "Trainer", "Trainer.step", "Trainer.fit"])
def test_an_optimizer_made_before_the_move_raises(call):
    x, y = data()
    shared = encoder()
    first = nn.Sequential(shared, nn.Linear(8, 4))
    optimizer = optim.Adam(first.parameters())
    trainer = lm.Trainer(first, nn.CrossEntropyLoss(), optimizer)
    trainer.step(x, y)
    second = nn.Sequential(shared, nn.Linear(8, 2))
    second(x)
    before = second.state_dict()
    calls = {
        "step": optimizer.step,
        "Trainer": lambda: lm.Trainer(first, nn.CrossEntropyLoss(), optimizer),
        "Trainer.step": lambda: trainer.step(x, y),
        "Trainer.fit": lambda: trainer.fit(x, y),
    }
    with pytest.raises((RuntimeError, ValueError), match=r"become part of another model.*make the optimizer after"):
        calls[call]()
    assert_same_state(second, before)


def test_a_backward_across_a_move_raises():
    x, _ = data()
    shared = encoder()
    first = nn.Sequential(shared, nn.Linear(8, 4))
    first(x)
    nn.Sequential(shared, nn.Linear(8, 2))(x)
    with pytest.raises(RuntimeError, match="backward\\(\\) without a forward"):
        first.backward(np.ones((100, 4)))


def test_a_part_and_the_whole_train_in_turns():
    """As in adversarial training: a discriminator by itself, and behind a frozen generator, with two optimizers."""
    generator = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    both = nn.Sequential(generator, critic, seed=2)
    both.parameters()  # gives all of them one memory
    by_critic = lm.Trainer(critic, nn.BCEWithLogitsLoss(), optim.Adam(critic.parameters(), lr=0.01))
    by_generator = lm.Trainer(both, nn.BCEWithLogitsLoss(), optim.Adam(generator.parameters(), lr=0.01))
    rng = np.random.default_rng(0)
    for _ in range(5):
        states = [both.state_dict()]
        noise = rng.standard_normal((16, 3))
        fake, real = generator.predict(noise), rng.standard_normal((16, 2)) + 2
        by_critic.step(np.concatenate([fake, real]), np.repeat([0.0, 1.0], 16))
        states.append(both.state_dict())
        by_generator.step(noise, np.ones(16))
        states.append(both.state_dict())
        changes = [
            {key[0] for key in old if not np.array_equal(old[key], new[key])} for old, new in itertools.pairwise(states)
        ]
        assert changes == [{"1"}, {"0"}]


def test_a_slice_follows_its_layers_without_taking_them_back():
    x, y = data()
    body = encoder()
    part = body[:2]
    model = nn.Sequential(body, nn.Linear(8, 4))
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    trainer.step(x, y)
    np.testing.assert_array_equal(part.predict(x), model[0][:2].predict(x))
    trainer.step(x, y)  # the optimizer still holds the model's parameters
    np.testing.assert_array_equal(part.predict(x), model[0][:2].predict(x))


def test_a_model_that_grows_keeps_its_values():
    x, y = data()
    body = encoder()
    body(x)
    state = body.state_dict()
    model = nn.Sequential(nn.Sequential(body), nn.Linear(8, 4))
    for key, value in model.state_dict().items():
        if key.startswith("0.0."):
            np.testing.assert_array_equal(value, state[key.removeprefix("0.0.")], strict=True)
    lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters())).step(x, y)


def test_many_optimizers_one_after_the_other():
    """A new optimizer and trainer a round, as in a notebook or a sweep, for as many rounds as one likes."""
    model, x, y = plain(), *data(8, 5, 3)
    for _ in range(1000):
        optimizer = optim.Adam(model.parameters())
        loss = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer).step(x, y)
    assert np.isfinite(loss)


# What is changed afterwards takes effect, or is refused; it is never ignored.


@pytest.mark.parametrize(("name", "value"), [("momentum", 0.5), ("momentum", None), ("eps", 0.1)])
def test_a_norms_settings(name, value):
    x = 3 * data()[0] + 1
    changed, made = nn.BatchNorm1d(11), nn.BatchNorm1d(11, **{name: value})
    changed(x)
    made(x)
    made.load_state_dict(changed.state_dict())
    try:
        setattr(changed, name, value)
    except AttributeError:
        return
    np.testing.assert_array_equal(changed(x), made(x))
    assert_same_state(changed, made)


def test_the_list_of_layers():
    model, x = plain(), data(4, 5)[0]
    y = model(x)
    try:
        model.layers.append(nn.Sigmoid())
    except AttributeError:  # of a tuple
        return
    np.testing.assert_allclose(model(x), 1 / (1 + np.exp(-y)), rtol=1e-5)


# Copies.


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_copy_of_a_used_model_goes_on_alike(duplicate, dtype):
    x, y = data()
    model = network(dtype, seed=3)
    lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters())).fit(x, y, epochs=2)
    twin = duplicate(model)
    assert repr(twin) == repr(model)
    assert twin.state_dict()["0.weight"].dtype == dtype
    assert_same_state(twin, model)
    # Dropout goes on at the same step, too.
    for each in (model, twin):
        lm.Trainer(each, nn.CrossEntropyLoss(), optim.Adam(each.parameters())).fit(x, y, epochs=2)
    assert_same_state(twin, model)
    before = model.state_dict()
    twin(x)
    twin[0].weight.data[...] = 0
    assert_same_state(before, model)


def test_a_copy_of_an_unused_model_starts_alike():
    model = network(seed=3)
    twin = copy.deepcopy(model)
    assert_same_state(model, twin)


def test_a_copy_keeps_the_mode():
    assert not copy.deepcopy(network().eval()).training


def test_a_loss_is_copied_and_pickled():
    loss = nn.CrossEntropyLoss("sum")
    loss(np.ones((2, 3)), [0, 1])
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert twin.reduction == "sum"
        assert twin(np.ones((2, 3)), [0, 1]) == loss(np.ones((2, 3)), [0, 1])


def test_an_optimizer_is_not_copied():
    """Its parameters would be another model's: the state_dict is what can be taken along."""
    optimizer = optim.SGD(plain().parameters())
    with pytest.raises(TypeError, match="state_dict"):
        copy.deepcopy(optimizer)
    with pytest.raises(TypeError, match="state_dict"):
        pickle.dumps(optimizer)


# Seeds and first weights.


def test_the_seed_decides_the_weights():
    assert_same_state(network(seed=1), network(seed=1))
    assert_same_state(plain(), nn.Sequential(*plain().layers))  # no seed is a seed too: 0
    for key, value in network(seed=1).state_dict().items():
        if key.endswith("weight") and value.ndim == 2:
            assert not np.isclose(value, network(seed=2).state_dict()[key]).any()


def test_layers_of_one_model_differ():
    state = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()).state_dict()
    assert not np.isclose(state["0.weight"], state["2.weight"]).any()


def test_float64_starts_at_the_unrounded_float32_weights():
    single, double = network("float32").state_dict(), network("float64").state_dict()
    for key in single:
        np.testing.assert_array_equal(single[key], double[key].astype(single[key].dtype))


def masks(seed=0, steps=3):
    """What two dropout layers keep of ones, step by step: (steps, layers, cells)."""
    first, second = nn.Dropout(0.5), nn.Dropout(0.5)
    nn.Sequential(first, second, seed=seed).parameters()  # gives both the seed and their places
    x = np.ones((50, 40), np.float32)
    return np.array([[layer(x).ravel() > 0 for layer in (first, second)] for _ in range(steps)])


def test_dropout_differs_by_step_layer_and_seed():
    kept = masks()
    np.testing.assert_array_equal(kept, masks())
    different = [kept[0, 0], kept[1, 0], kept[2, 0], kept[0, 1], kept[1, 1], masks(seed=1)[0, 0]]
    for i, one in enumerate(different):
        for other in different[:i]:
            # Independent masks agree in half of the cells: 2000 of them, five deviations of 1.1%.
            assert abs((one == other).mean() - 0.5) < 0.056


def test_dropout_keeps_the_share_and_the_mean():
    for p in (0.1, 0.5, 0.9):
        y = nn.Sequential(nn.Dropout(p), seed=4)(np.ones((400, 100)))
        # 40,000 cells: the share's deviation is at most 0.25%; five of them.
        assert abs((y == 0).mean() - p) < 0.0125
        np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)


def test_dropout_of_nothing_and_of_everything():
    x = np.random.default_rng(0).standard_normal((6, 70)).astype(np.float32)
    np.testing.assert_array_equal(nn.Dropout(0.0)(x), x)
    np.testing.assert_array_equal(nn.Dropout(1.0)(x), 0 * x)


def test_dropouts_backward_has_the_forwards_mask():
    layer = nn.Dropout(0.4)
    y = layer(np.ones((9, 77)))
    np.testing.assert_array_equal(layer.backward(np.ones((9, 77))), y)


def test_dropouts_rate_may_change_any_time():
    layer, x = nn.Dropout(0.5), np.ones((10, 10))
    model = nn.Sequential(layer)
    model(x)
    layer.p = 0.0
    np.testing.assert_array_equal(model(x), x)
    assert layer.p == 0.0
    assert repr(layer) == "Dropout(p=0.0)"


@pytest.mark.parametrize(
    "after", [[nn.ReLU()], [nn.BatchNorm1d(600), nn.ReLU()], [nn.Dropout(0.5), nn.Sequential(nn.ReLU())]], ids=str
)
def test_weights_before_a_relu_are_he_normal(after):
    weights = nn.Sequential(nn.Linear(1000, 600), *after).state_dict()["0.weight"]
    deviation = np.sqrt(2 / 1000)
    # 600,000 draws: the deviation of the deviation is 0.1%, of the mean 0.13%; five of them.
    assert weights.std() == pytest.approx(deviation, rel=0.005)
    assert abs(weights.mean()) < 0.0065 * deviation
    assert (np.abs(weights) > 2 * deviation).mean() == pytest.approx(0.0455, rel=0.05)  # a normal's tails


@pytest.mark.parametrize(
    "after", [[], [nn.Tanh()], [nn.BatchNorm1d(600), nn.Sigmoid()], [nn.Linear(600, 2), nn.ReLU()]], ids=str
)
def test_other_weights_are_glorot_uniform(after):
    weights = nn.Sequential(nn.Linear(1000, 600), *after).state_dict()["0.weight"]
    bound = np.sqrt(6 / 1600)
    assert np.abs(weights).max() <= bound
    assert np.abs(weights).max() > 0.999 * bound
    assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.005)
    assert abs(weights.mean()) < 0.0065 * bound


def test_first_weights_may_be_chosen():
    model = nn.Sequential(nn.Linear(100, 50, init="glorot_uniform"), nn.ReLU(), nn.Linear(50, 3, init="zeros"))
    state = model.state_dict()
    assert np.abs(state["0.weight"]).max() <= np.sqrt(6 / 150)
    assert not state["2.weight"].any()


def test_biases_and_norms_start_neutral():
    state = network().state_dict()
    assert not any(state[key].any() for key in ("0.bias", "1.bias", "6.bias", "1.running_mean"))
    assert (state["1.weight"] == 1).all()
    assert (state["1.running_var"] == 1).all()
    assert state["1.num_batches_tracked"] == 0
