"""Gradients add up and stay apart, and one training in three spellings."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import DTYPES, OPTIMIZERS, assert_same_state, data, network, plain

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
    assert set(history) == {"loss", score, "seconds", "lr", "val_loss", f"val_{score}"}
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
