"""Training and evaluation modes, batches of any size, and the arrays that come back."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import DTYPES, OPTIMIZERS, assert_same_state, data, network, plain

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
