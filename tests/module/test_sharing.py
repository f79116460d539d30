"""Layers that are in several models at once."""

import copy
import itertools

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import assert_same_state, data, plain


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


@pytest.mark.parametrize("copied", [False, True], ids=["itself", "a copy"])
def test_parameters_of_a_layer_are_its_models(copied):
    """Groups by layer, PyTorch's way, before anything else has asked for the model's memory."""
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Linear(5, 2), seed=7)
    model = copy.deepcopy(model) if copied else model
    first = model[0][0].parameters()
    optimizer = optim.SGD([{"params": first, "lr": 0.5}, {"params": model[1].parameters()}], lr=0.1)
    lm.Trainer(model, nn.MSELoss(), optimizer).step(np.ones((3, 4)), np.ones((3, 2)))
    twin = nn.Sequential(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Linear(5, 2), seed=7)
    groups = [{"params": twin.parameters()[:2], "lr": 0.5}, {"params": twin.parameters()[2:]}]
    lm.Trainer(twin, nn.MSELoss(), optim.SGD(groups, lr=0.1)).step(np.ones((3, 4)), np.ones((3, 2)))
    for name, value in twin.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], value)
