"""Means and votes with a weight for each model."""

import numpy as np
import pytest

import lamella as lm
from ensembles.world import EPOCHS, data, network, population, sigmoid, softmax, trained
from lamella import nn
from lamella.ensemble import outputs as outputs_module

WEIGHTS = np.array([0.5, 0, 2, 1, 3.5, 0.25, 1])


@pytest.fixture(scope="module")
def classes():
    return trained()


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS.tolist()])
def test_a_mean_is_of_probabilities(classes, weights):
    x = data(200, 1)[0]
    w = np.ones(7) if weights is None else WEIGHTS
    expected = np.tensordot(w / w.sum(), softmax(classes.outputs(x)), 1)
    np.testing.assert_allclose(classes.predict(x, weights=weights), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_vote_counts_weights(classes, weights):
    x = data(200, 1)[0]
    decided = classes.outputs(x).argmax(axis=2)
    w = np.ones(7) if weights is None else weights
    expected = [np.bincount(decided[:, row], w, 3).argmax() for row in range(200)]
    np.testing.assert_array_equal(classes.predict(x, "vote", weights=weights), expected)


def test_of_equal_votes_the_first_class_wins():
    pop = population(2)
    for k, logits in enumerate(([0.0, 1, 2], [0.0, 2, 1])):
        pop._members[k].trainer.model[2].weight.data[...] = 0
        pop._members[k].trainer.model[2].bias.data[...] = logits
    x = data(3)[0]
    np.testing.assert_array_equal(pop.predict(x, "vote"), [1, 1, 1])
    np.testing.assert_array_equal(pop.predict(x, "vote", weights=[1, 0.5]), [2, 2, 2])


@pytest.mark.parametrize(("loss", "signs"), [(nn.BCEWithLogitsLoss(), False), (nn.HingeLoss(), True)])
def test_yes_and_no_are_voted_on_cell_by_cell(loss, signs):
    x, _, _, answers = data()
    pop = population(7, loss=loss)
    pop.fit(x, 2 * answers - 1 if signs else answers, epochs=EPOCHS)
    outputs = pop.outputs(x)
    yes = np.tensordot(WEIGHTS, outputs > 0, 1) * 2 > WEIGHTS.sum()
    got = pop.predict(x, "vote", weights=WEIGHTS)
    np.testing.assert_array_equal(got, np.where(yes, 1, -1) if signs else yes, strict=True)
    said = outputs if signs else sigmoid(outputs)
    np.testing.assert_allclose(
        pop.predict(x, weights=WEIGHTS), np.tensordot(WEIGHTS / WEIGHTS.sum(), said, 1), rtol=0, atol=1e-6
    )


def test_numbers_are_averaged_as_they_are():
    pop = trained(outputs=2, loss=nn.MSELoss(), y=2, dtype="float64")
    x = data(50, 1)[0]
    got = pop.predict(x, weights=WEIGHTS)
    np.testing.assert_allclose(got, np.tensordot(WEIGHTS / WEIGHTS.sum(), pop.outputs(x), 1), rtol=1e-12)
    assert got.dtype == np.float64
    with pytest.raises(ValueError, match=r'\[Population.predict\] combine is "vote" but MSELoss decides on no classes'):
        pop.predict(x, "vote")


@pytest.mark.parametrize("combine", ["mean", "vote"])
def test_blocks_of_rows_give_the_same_bits(classes, combine, monkeypatch):
    x = data(200, 1)[0]
    whole = classes.predict(x, combine, weights=WEIGHTS)
    monkeypatch.setattr(outputs_module, "_OUTPUTS", 7 * 3 * 4 * 17)  # 17 rows a block
    np.testing.assert_array_equal(classes.predict(x, combine, weights=WEIGHTS), whole, strict=True)


def test_weights_are_those_of_the_models_named(classes):
    x = data(20, 1)[0]
    expected = np.tensordot(WEIGHTS[[4, 2]] / WEIGHTS[[4, 2]].sum(), softmax(classes.outputs(x, models=[4, 2])), 1)
    np.testing.assert_allclose(classes.predict(x, models=[4, 2], weights=WEIGHTS[[4, 2]]), expected, rtol=0, atol=1e-6)
    pop = trained(3)
    pop.drop([1])
    left = pop.predict(x, weights=[1, 3])  # what is no longer there has no weight
    np.testing.assert_array_equal(left, pop.predict(x, models=[0, 2], weights=[1, 3]))


def test_float32_and_float64_go_together():
    def mixed(number):
        return network(3, dtype=["float32", "float64"][number % 2])

    pop = population(4, factory=mixed)
    x, y, *_ = data()
    pop.fit(x, y, epochs=2)
    alone = [pop[k].predict(x) for k in range(4)]
    for own, single in zip(pop.outputs(x), alone, strict=True):
        np.testing.assert_array_equal(own, single.astype(np.float32))
    assert pop.predict(x).dtype == np.float32
    np.testing.assert_allclose(pop.predict(x), np.mean([softmax(z) for z in alone], axis=0), atol=1e-6)


def test_architectures_of_a_list_are_trained_in_turns_and_combined():
    makers = [lambda: network(3, 4), lambda: network(3, 16), lambda: nn.Sequential(nn.Linear(5, 3))]
    x, y, *_ = data()
    pop = population(7, factory=makers)
    pop.fit(x, y, epochs=EPOCHS)
    sizes = [pop[k].num_parameters for k in pop.active]
    assert sizes == [39, 147, 18] * 2 + [39]
    expected = np.mean([softmax(pop[k].predict(x)) for k in pop.active], axis=0)
    np.testing.assert_allclose(pop.predict(x), expected, atol=1e-6)
    for number, model in enumerate(pop):  # each as if it were trained alone
        alone = makers[number % 3]()
        alone.seed = number
        optimizer = lm.optim.Adam(alone.parameters(), lr=0.02)
        lm.Trainer(alone, nn.CrossEntropyLoss(), optimizer).fit(x, y, epochs=EPOCHS)
        np.testing.assert_array_equal(alone.predict(x), model.predict(x))


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_as_scikit_learns_voting_classifier(voting):
    ensemble = pytest.importorskip("sklearn.ensemble")
    from ensembles.twins import TwinClassifier

    x, y, *_ = data()
    xt = data(300, 1)[0]
    weights = [1, 2, 0.5, 1]
    members = [(f"m{k}", TwinClassifier(k)) for k in range(4)]
    theirs = ensemble.VotingClassifier(members, voting=voting, weights=weights).fit(x, y)
    pop = population(4)
    pop.fit(x, y, epochs=EPOCHS)
    own = pop.ensemble(combine="mean" if voting == "soft" else "vote", weights=weights)
    np.testing.assert_array_equal(own.decide(xt), theirs.predict(xt))
    if voting == "soft":
        np.testing.assert_allclose(own.predict(xt), theirs.predict_proba(xt), atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], r"weights has shape \(2,\) but \(7,\) is expected"),
        ([[1] * 7], r"weights has shape \(1, 7\)"),
        ([0] * 7, "weights are all 0"),
        ([1, 1, 1, -1, 1, 1, 1], r"weights\[3\] is -1.0 but must be finite and at least 0"),
        ([1, 1, 1, 1, 1, np.nan, 1], r"weights\[5\] is nan"),
    ],
)
def test_weights_that_make_no_sense(classes, weights, message):
    for call in (classes.predict, lambda x, weights: classes.ensemble(weights=weights)):
        with pytest.raises(ValueError, match=message):
            call(data(4)[0], weights=weights)


def test_weights_without_a_combination(classes):
    with pytest.raises(ValueError, match="weights are given but combine is None"):
        classes.predict(data(4)[0], combine=None, weights=WEIGHTS)
    with pytest.raises(ValueError, match="combine is 'median' but must be"):
        classes.predict(data(4)[0], combine="median")
    with pytest.raises(TypeError, match="weights has dtype"):
        classes.predict(data(4)[0], weights=["a"] * 7)
