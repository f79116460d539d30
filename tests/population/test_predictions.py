"""Predictions, scores and rankings of many models, against NumPy and the models themselves."""

import copy

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.ensemble import outputs
from population.techniques import VALUES
from population.world import assert_equal_arrays, assert_same, labelled, members, population
from trainer.world import Identity

X, Y = labelled()


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def pop():
    own = population(5, settings={"lr": np.linspace(0.001, 0.05, 5)})
    own.fit(X, Y, epochs=4, validation_data=(X[:30], Y[:30]))
    return own


def test_outputs_are_the_models_own(pop):
    outputs = pop.outputs(X)
    assert outputs.shape == (5, 67, 3)
    for k, trainer in enumerate(members(pop)):
        assert_equal_arrays(outputs[k], trainer.predict(X))
        assert_equal_arrays(outputs[k], pop[k].predict(X))
    assert_equal_arrays(pop.predict(X, None), outputs)
    assert_equal_arrays(pop.outputs(X, batch_size=7), outputs)
    assert_equal_arrays(pop.outputs(X, models=[3, 1]), outputs[[3, 1]])


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_any_number_of_threads(pop, threads, restore_threads):
    expected = np.stack([trainer.predict(np.tile(X, (40, 1))) for trainer in members(pop)])
    lm.set_num_threads(threads)
    assert_equal_arrays(pop.outputs(np.tile(X, (40, 1))), expected)


def test_the_mean_is_of_probabilities(pop):
    z = pop.outputs(X).astype(np.float64)
    np.testing.assert_allclose(pop.predict(X), softmax(z).mean(axis=0), rtol=1e-6, atol=1e-7)
    assert pop.predict(X).dtype == np.float32
    np.testing.assert_allclose(pop.predict(X, models=[2]), softmax(z[2]), rtol=1e-6, atol=1e-7)


def test_the_mean_of_numbers_is_of_outputs():
    pop = population(3, loss=nn.MSELoss(), factory=lambda: nn.Linear(5, 3))
    np.testing.assert_allclose(pop.predict(X), pop.outputs(X).astype(float).mean(axis=0), rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="MSELoss decides on no classes"):
        pop.predict(X, "vote")


def test_votes_count_each_model_once(pop):
    decided = pop.outputs(X).argmax(axis=2)
    counts = np.stack([(decided == c).sum(axis=0) for c in range(3)])
    assert_equal_arrays(pop.predict(X, "vote"), counts.argmax(axis=0))


def constant(logits):
    """A model of one row, with those outputs whatever it is given."""

    def make():
        model = nn.Linear(1, len(logits))
        model.load_state_dict({"weight": np.zeros((len(logits), 1)), "bias": np.array(logits, float)})
        return model

    return make


def test_of_equally_many_votes_the_first_class_wins():
    said = [[0, 0, 9], [0, 1, 0], [0, 0, 2], [0, 5, 0]]
    pop = lm.Population([constant(z) for z in said], loss=nn.CrossEntropyLoss(), optimizer=optim.SGD)
    x = np.ones((2, 1))
    assert_equal_arrays(pop.predict(x, "vote"), np.array([1, 1]))
    assert_equal_arrays(pop.predict(x, "vote", models=[0, 1, 2]), np.array([2, 2]))


@pytest.mark.parametrize(
    ("loss", "yes", "no"), [(nn.BCEWithLogitsLoss, True, False), (nn.HingeLoss, 1, -1)], ids=["BCE", "hinge"]
)
def test_yes_needs_more_than_half(loss, yes, no):
    said = [[5, -1], [2, -1], [-1, -1], [-1, 3]]
    pop = lm.Population([constant(z) for z in said], loss=loss(), optimizer=optim.SGD)
    x = np.ones((1, 1))
    assert_equal_arrays(pop.predict(x, "vote"), np.array([[no, no]]))
    assert_equal_arrays(pop.predict(x, "vote", models=[0, 1, 2]), np.array([[yes, no]]))


@pytest.mark.parametrize("weights", [None, np.arange(67.0), np.linspace(0, 3, 5 * 67).reshape(5, 67)])
def test_evaluate_is_each_model_s_own(pop, weights):
    found = pop.evaluate(X, Y, weights)
    for k, trainer in enumerate(members(pop)):
        own = weights[k] if np.ndim(weights) == 2 else weights
        assert {key: values[k] for key, values in found.items()} == trainer.evaluate(X, Y, own)
    if weights is None:
        z = pop.outputs(X).astype(np.float64)
        losses = -np.log(softmax(z))[:, np.arange(67), Y].mean(axis=1)
        np.testing.assert_allclose(found["loss"], losses, rtol=1e-6)
        np.testing.assert_allclose(found["accuracy"], (z.argmax(axis=2) == Y).mean(axis=1), rtol=1e-12)


def test_models_in_python_and_of_other_dtypes():
    """Side by side with native ones."""
    makers = [
        lambda: nn.Sequential(nn.Linear(5, 3)),
        lambda: nn.Sequential(nn.Linear(5, 4), Identity(), nn.Linear(4, 3)),
        lambda: nn.Sequential(nn.Linear(5, 3), dtype="float64"),
    ]
    pop = lm.Population(makers, 6, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam)
    pop.fit(X, Y, epochs=2)
    outputs = pop.outputs(X)
    for k, trainer in enumerate(members(pop)):
        np.testing.assert_allclose(outputs[k], trainer.predict(X), rtol=1e-6)
    np.testing.assert_allclose(pop.predict(X), softmax(outputs.astype(float)).mean(axis=0), rtol=1e-5)


def test_a_model_is_a_plain_one_of_its_own(pop):
    model = pop[3]
    assert_same(model.state_dict(), members(pop)[3].model.state_dict())
    for one, other in zip(model.parameters(), members(pop)[3].model.parameters(), strict=True):
        assert not np.shares_memory(one.data, other.data)
    before = members(pop)[3].model.state_dict()
    own = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.1))
    own.fit(X, Y, epochs=2)
    assert_same(members(pop)[3].model.state_dict(), before)
    assert not np.array_equal(model.state_dict()["0.weight"], before["0.weight"])
    assert_same(pop[-2].state_dict(), before)
    assert_same(pop[np.int64(3)].state_dict(), copy.deepcopy(pop[3]).state_dict())
    assert len(list(pop)) == 5


def test_final_ranking_and_best(pop):
    history = pop.history
    assert_equal_arrays(pop.final(), history["val_loss"][:, -1])
    assert_equal_arrays(pop.ranking(), np.argsort(history["val_loss"][:, -1], kind="stable"))
    assert_equal_arrays(pop.ranking("accuracy"), np.argsort(-history["accuracy"][:, -1], kind="stable"))
    best = int(np.argmin(history["val_loss"][:, -1]))
    assert_same(pop.best().state_dict(), members(pop)[best].model.state_dict())
    worst_rate = int(np.argmin(history["lr"][:, -1]))
    assert_same(pop.best("lr").state_dict(), members(pop)[worst_rate].model.state_dict())
    pop = population(2)
    pop.fit(X, Y)
    pop.drop([0, 1])
    assert pop.ranking().dtype == np.int64
    with pytest.raises(ValueError, match="no model is left"):
        pop.best()


def test_final_is_at_the_best_epoch():
    pop = population(4, settings={"lr": [0.5, 0.3, 0.2, 0.1]})
    history = pop.fit(X[:20], Y[:20], epochs=30, patience=2, validation_data=(X[20:], Y[20:]))
    for k in range(4):
        values = history["val_loss"][k][: history.histories[k].epochs]
        assert history.best_epoch[k] == np.argmin(values)
        assert pop.final()[k] == values.min()
        assert pop.evaluate(X[20:], Y[20:])["loss"][k] == values.min()


def test_history_is_a_table():
    pop = population(3)
    first = pop.fit(X, Y, epochs=[1, 3, 2])
    assert first.epochs == 3
    assert np.isnan(first["loss"]).tolist() == [[False, True, True], [False] * 3, [False, False, True]]
    second = pop.fit(X, Y, epochs=2, validation_data=(X, Y))
    assert "val_loss" in second
    assert "val_loss" not in first
    assert first.keys() == ["loss", "accuracy", "seconds", "lr"]
    assert pop.history["loss"].shape == (3, 5)
    for k, trainer in enumerate(members(pop)):
        own = [*first.histories[k]["loss"], *second.histories[k]["loss"]]
        assert trainer.history["loss"] == own == list(pop.history["loss"][k][: len(own)])
    assert_equal_arrays(second.final("loss"), second["loss"][:, -1])


def test_values(restore_threads):
    """Of several outputs, by any number of threads."""
    found = []
    for threads in (1, 3):
        lm.set_num_threads(threads)
        pop = population(4, loss=nn.MSELoss(), settings={"lr": [0.1, 0.2, 0.3, 0.4]})
        pop.fit(X, VALUES, epochs=3)
        found.append(pop.evaluate(X, VALUES))
    assert list(found[0]) == ["loss", "mse"]
    for key in found[0]:
        assert_equal_arrays(found[0][key], found[1][key])


def test_models_are_evaluated_some_at_a_time(pop, monkeypatch):
    x, y = labelled(30)
    whole = pop.evaluate(x, y)
    monkeypatch.setattr(outputs, "_OUTPUTS", 1)
    for key, values in pop.evaluate(x, y).items():
        np.testing.assert_array_equal(values, whole[key])


def test_targets_are_checked_for_each_kind_of_loss():
    """Logarithms for the first model are no probabilities for the second."""
    x = labelled()[0]
    target = np.log(np.full((len(x), 3), 1 / 3))
    pop = population(2, loss=nn.KLDivLoss(), loss_settings={"log_target": [True, False]})
    with pytest.raises(ValueError, match=r"y has -1.09\d+ in row 0 but must be finite and at least 0"):
        pop.fit(x, target)
