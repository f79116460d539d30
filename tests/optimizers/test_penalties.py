"""Penalties and their value; max-norm."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from optimizers.every import NAMES, data, make, network


def weights(model):
    return [p.data.astype(np.float64) for p in model.parameters() if len(p.shape) == 2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_value_of_the_penalties(dtype):
    model = network(dtype)
    optimizer = optim.SGD(model.parameters(), weight_decay=0.3, l1=0.02)
    both = sum(0.15 * (w**2).sum() + 0.02 * abs(w).sum() for w in weights(model))
    assert optimizer.penalty() == pytest.approx(both, rel=1e-12)
    everything = [p.data.astype(np.float64) for p in model.parameters()]
    optimizer.param_groups[0]["decay_bias"] = True
    optimizer.param_groups[0]["weight_decay"] = 0.0
    assert optimizer.penalty() == pytest.approx(0.02 * sum(abs(w).sum() for w in everything), rel=1e-12)


def test_groups_have_penalties_of_their_own():
    model = network()
    first, *others = model.parameters()
    optimizer = optim.Adam([{"params": [first], "l1": 0.5}, {"params": others}], lr=0.1)
    assert optimizer.penalized
    assert optimizer.penalty() == pytest.approx(0.5 * abs(first.data).sum(), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_decoupled_decay_is_no_penalty(name):
    model = network()
    optimizer = make(name, model, weight_decay=0.1)
    coupled = optimizer.decay(optimizer.param_groups[0]) == "coupled"
    assert optimizer.penalized == (optimizer.penalty() > 0) == coupled
    optimizer.param_groups[0]["l1"] = 0.1
    assert optimizer.penalized


def test_the_gradient_is_that_of_the_penalty():
    """Two-sided differences of the value against what the update adds."""
    model = network()
    first = model.parameters()[0]
    optimizer = optim.SGD(model.parameters(), lr=1.0, weight_decay=0.3, l1=0.02)
    before, h = first.data.copy(), 1e-6
    numeric = np.zeros(5)
    for i in range(5):
        for sign in (1, -1):
            first.data[i, 3] = before[i, 3] + sign * h
            numeric[i] += sign * optimizer.penalty() / (2 * h)
        first.data[i, 3] = before[i, 3]
    model.zero_grad()
    optimizer.step()
    np.testing.assert_allclose((before - first.data)[:5, 3], numeric, rtol=1e-7)


def test_histories_tell_the_penalty_apart():
    x, y = data()
    plain, model = network(), network()
    free = lm.Trainer(plain, nn.MSELoss(), optim.SGD(plain.parameters(), lr=0.0))
    optimizer = optim.SGD(model.parameters(), lr=0.0, l1=0.1)
    trainer = lm.Trainer(model, nn.MSELoss(), optimizer)
    first, second = free.fit(x, y, epochs=2), trainer.fit(x, y, epochs=2)
    assert "penalty" not in first
    assert second["loss"] == first["loss"]
    assert second["penalty"] == [optimizer.penalty()] * 2


def test_l1_makes_sparse():
    x, y = data(200)
    small = []
    for l1 in (0.0, 0.05):
        model = network()
        optimizer = optim.SGD(model.parameters(), lr=0.05, l1=l1)
        lm.Trainer(model, nn.MSELoss(), optimizer).fit(x, y, epochs=40)
        small.append(sum((abs(w) < 0.01).mean() for w in weights(model)))
    assert small[1] > 2 * small[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 1), (1, 7), (7, 17), (33, 40), (100, 129)])
def test_max_norm(inputs, outputs, dtype):
    """Rows of Linear.weight as users see it: the longer ones end at that length, the others stay as they are."""
    model = nn.Sequential(nn.Linear(inputs, outputs), dtype=dtype, seed=0)
    weight, bias = model.parameters()
    weight.data[...] *= np.linspace(0.2, 3, outputs)[:, None] / np.linalg.norm(weight.data, axis=1, keepdims=True)
    bias.data[...] = 5
    before = weight.data.copy()
    optim.SGD(model.parameters(), max_norm=1.5).step()
    lengths = np.linalg.norm(before.astype(np.float64), axis=1)
    want = before * np.minimum(1, 1.5 / lengths)[:, None]
    np.testing.assert_allclose(weight.data, want, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(weight.data[lengths < 1.49], before[lengths < 1.49])
    np.testing.assert_array_equal(bias.data, 5)


@pytest.mark.parametrize("name", NAMES)
def test_max_norm_holds_after_training(name):
    x, y = data()
    model = network()
    lm.Trainer(model, nn.MSELoss(), make(name, model, max_norm=0.3, lr=0.1)).fit(x, y, epochs=2)
    longest = max(np.linalg.norm(w, axis=1).max() for w in weights(model))
    assert longest < (0.33 if name == "schedule-free" else 0.3 + 1e-9)  # it limits y; x is a mean of such points


@pytest.mark.parametrize("by_column", [True, False])
def test_limits_of_rows_and_columns(kernel, rng, dtype, by_column, threads):
    for rows, cols in [(1, 1), (1, 9), (9, 1), (5, 33), (33, 5), (70, 65)]:
        value = rng.standard_normal((rows, cols)).astype(dtype)
        value[0, 0] = 0
        lengths = np.linalg.norm(value.astype(np.float64), axis=0 if by_column else 1, keepdims=True)
        found = []
        for team in (1, threads):
            out = value.copy()
            kernel(
                "weight_limit",
                [out, value.copy()],
                0,
                [rows, cols, by_column],
                np.array([0.9]),
                dtype=dtype,
                threads=team,
            )
            found.append(out)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(found[0], value * np.minimum(1, 0.9 / lengths), rtol=16 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(*found)
