"""Updates by the mean of several gradients: in steps, in epochs, natively and by hand."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from optimizers.every import assert_same, contents, data


def network(python=False, dtype="float64"):
    """No batch norm: its statistics are those of a batch."""
    middle = [nn.PythonLayer(Tanh())] if python else [nn.Tanh()]
    return nn.Sequential(nn.Linear(7, 21), *middle, nn.Linear(21, 1), seed=0, dtype=dtype)


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)


KINDS = {
    "SGD": lambda p, **k: optim.SGD(p, lr=0.1, momentum=0.9, **k),
    "Adam": lambda p, **k: optim.Adam(p, lr=0.01, **k),
    "LAMB": lambda p, **k: optim.LAMB(p, lr=0.01, **k),
    "Muon": lambda p, **k: optim.Muon(p, lr=0.01, **k),
}


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.3, "clip_value": 0.1}], ids=["", "clipped"])
@pytest.mark.parametrize("name", KINDS)
def test_the_same_as_one_large_batch(name, clip, python):
    x, y = data(96)
    small, large = network(python), network(python)
    fine, coarse = KINDS[name](small.parameters(), **clip), KINDS[name](large.parameters(), **clip)
    lm.Trainer(small, nn.MSELoss(), fine, accumulate=4).fit(x, y, epochs=3, batch_size=8, shuffle=False)
    lm.Trainer(large, nn.MSELoss(), coarse).fit(x, y, epochs=3, batch_size=32, shuffle=False)
    got, want = contents(small, fine), contents(large, coarse)
    for key, value in want.items():
        np.testing.assert_allclose(got[key], value, rtol=0, atol=1e-9, err_msg=key)
    assert fine.state_dict()["state"][0]["step"] == 9


def by_hand(model, optimizer, x, y, batch, accumulate, epochs, drop_last=False):
    loss, counts = nn.MSELoss(), 0
    for _ in range(epochs):
        starts = [b for b in range(0, len(x), batch) if not drop_last or b + batch <= len(x)]
        for index, begin in enumerate(starts):
            if index % accumulate == 0:
                model.zero_grad()
                added = 0
            loss(model(x[begin : begin + batch]), y[begin : begin + batch])
            model.backward(loss.backward())
            added += 1
            if (index + 1) % accumulate == 0 or index + 1 == len(starts):
                for p in model.parameters():
                    p.grad[...] /= added
                optimizer.step()
                counts += 1
    return counts


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("accumulate", [2, 3, 100])
def test_what_is_left_of_a_group(accumulate, drop_last, python):
    """The last group of an epoch has as many steps as there are; the next epoch begins anew."""
    x, y = data(50)
    model, twin = network(python), network(python)
    optimizer, other = KINDS["Adam"](model.parameters()), KINDS["Adam"](twin.parameters())
    trainer = lm.Trainer(model, nn.MSELoss(), optimizer, accumulate=accumulate)
    trainer.fit(x, y, epochs=2, batch_size=7, shuffle=False, drop_last=drop_last)
    counts = by_hand(twin, other, x, y, 7, accumulate, 2, drop_last)
    got, want = contents(model, optimizer), contents(twin, other)
    assert got["0 step"] == counts
    for key, value in want.items():
        np.testing.assert_allclose(got[key], value, rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("python", [False, True])
def test_steps_are_those_of_fit(python):
    x, y = (a.astype("float32") for a in data(60))
    model, twin = network(python, "float32"), network(python, "float32")
    optimizer, other = KINDS["Adam"](model.parameters(), clip_norm=0.5), KINDS["Adam"](twin.parameters(), clip_norm=0.5)
    trainer = lm.Trainer(model, nn.MSELoss(), optimizer, accumulate=3)
    lm.Trainer(twin, nn.MSELoss(), other, accumulate=3).fit(x, y, epochs=1, batch_size=10, shuffle=False)
    for begin in range(0, 60, 10):
        before = model[0].weight.data.copy()
        trainer.step(x[begin : begin + 10], y[begin : begin + 10])
        assert (model[0].weight.data != before).any() == (begin in (20, 50))
    assert_same(contents(model, optimizer), contents(twin, other))


def test_a_group_goes_on_when_programs_are_made_anew():
    x, y = data(20)
    model, twin = network(), network()
    optimizer, other = KINDS["SGD"](model.parameters()), KINDS["SGD"](twin.parameters())
    trainer = lm.Trainer(model, nn.MSELoss(), optimizer, accumulate=2)
    trainer.step(x[:10], y[:10])
    optimizer.clip_norm = 1e9
    trainer.step(x[10:], y[10:])
    by_hand(twin, other, x, y, 10, 2, 1)
    np.testing.assert_allclose(model[0].weight.data, twin[0].weight.data, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("share_all_work", "restore_threads")
def test_threads_give_the_same_bits():
    x, y = data(50)
    found = []
    for threads in (1, 3):
        lm.set_num_threads(threads)
        model = network(dtype="float32")
        optimizer = KINDS["Adam"](model.parameters(), clip_norm=0.5)
        trainer = lm.Trainer(model, nn.MSELoss(), optimizer, accumulate=3)
        trainer.fit(x, y, epochs=2, batch_size=7)
        found.append(contents(model, optimizer))
    assert_same(*found)


def test_without_accumulation_there_is_nothing_more_to_do():
    model = network()
    trainer = lm.Trainer(model, nn.MSELoss(), KINDS["SGD"](model.parameters()))
    trainer.step(*data(10))
    assert "gradient_" not in str(trainer._step.program)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (0, ValueError, "accumulate is 0 but must be at"),
        (1.5, TypeError, "accumulate is 1.5 but must be"),
    ],
)
def test_bad_input(value, kind, message):
    model = network()
    with pytest.raises(kind, match=rf"\[Trainer\] {message}"):
        lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters()), accumulate=value)
