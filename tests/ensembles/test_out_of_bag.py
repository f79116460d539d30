"""Rows predicted by the models that did not learn from them."""

import numpy as np
import pytest

import lamella as lm
from ensembles.world import EPOCHS, N, data, population, softmax, trained
from lamella import nn
from lamella.ensemble import outputs as outputs_module
from lamella.population.rows import Learned, training_rows


def unseen(pop, samples, y):
    """(models, n) by the rows that fit is documented to draw."""
    rows = training_rows(samples, N, pop.seeds, np.asarray(y), "test")
    out = np.ones((len(pop), N), bool)
    for mask, own in zip(out, rows, strict=True):
        mask[own] = False
    return out


def reference(outputs, out, weights=None):
    """Mean probabilities and votes of each row, row by row."""
    means, votes = np.full((N, 3), np.nan), np.full(N, -1)
    weights = np.ones(len(out)) if weights is None else weights
    for row in range(N):
        own = out[:, row] & (weights > 0)
        if own.any():
            means[row] = np.average(softmax(outputs[own, row]), axis=0, weights=weights[own])
            votes[row] = np.bincount(outputs[own, row].argmax(axis=1), weights[own], 3).argmax()
    return means, votes


@pytest.mark.parametrize("samples", ["bootstrap", "stratified"])
@pytest.mark.parametrize("weights", [None, np.array([1, 0, 2, 0.5, 1.0])])
@pytest.mark.parametrize("blocks", [False, True])
def test_means_and_votes_of_models_that_did_not_see_the_row(samples, weights, blocks, monkeypatch):
    if blocks:
        monkeypatch.setattr(outputs_module, "_OUTPUTS", 5 * 3 * 4 * 7)
    x, y, *_ = data()
    pop = trained(5, samples=samples)
    out = unseen(pop, samples, y)
    means, votes = reference(pop.outputs(x), out, weights)
    counts = out.sum(axis=0) if weights is None else out[weights > 0].sum(axis=0)
    assert 0 < (counts == 0).sum() < N // 4

    found = pop.out_of_bag(x, y, weights=weights)
    np.testing.assert_allclose(found.predictions, means, atol=1e-6)
    np.testing.assert_array_equal(found.counts, counts)
    assert found.left_out == (counts == 0).sum()
    known = counts > 0
    assert found.scores["accuracy"] == pytest.approx(np.mean(means[known].argmax(axis=1) == y[known]), rel=1e-6)
    entropy = -np.log(means[known, y[known]]).mean()
    assert found.scores["loss"] == pytest.approx(entropy, rel=1e-5)

    voted = pop.out_of_bag(x, y, combine="vote", weights=weights)
    np.testing.assert_array_equal(voted.predictions, votes)
    assert voted.scores == {"accuracy": pytest.approx(np.mean(votes[known] == y[known]), rel=1e-6)}
    assert "left out" in repr(voted)


def test_given_rows_masks_and_some_models():
    x, _, y, _ = data()
    mask = np.arange(N) % 3 != 0
    rows = [np.arange(0, N, 2), mask, np.arange(40)]
    pop = trained(3, outputs=2, loss=nn.MSELoss(), y=2, samples=rows, dtype="float64")
    outputs = pop.outputs(x)
    out = np.array([np.arange(N) % 2 == 1, ~mask, np.arange(N) >= 40])
    expected = np.array(
        [outputs[out[:, row], row].mean(axis=0) if out[:, row].any() else [np.nan] * 2 for row in range(N)]
    )
    found = pop.out_of_bag(x, y)
    np.testing.assert_allclose(found.predictions, expected, rtol=1e-12)
    known = out.any(axis=0)
    assert found.scores["mse"] == pytest.approx(((expected - y)[known] ** 2).mean(), rel=1e-9)
    single = pop.out_of_bag(x, models=[1])
    np.testing.assert_array_equal(single.predictions[~mask], outputs[1][~mask])
    assert np.isnan(single.predictions[mask]).all()
    assert single.left_out == mask.sum()
    assert single.scores == {}


def test_sample_weights_count_in_the_score():
    x, y, *_ = data()
    weight = np.random.default_rng(5).uniform(0, 2, N)
    pop = trained(9)
    found = pop.out_of_bag(x, y, weight)
    known = found.counts > 0
    right = found.predictions[known].argmax(axis=1) == y[known]
    assert found.scores["accuracy"] == pytest.approx(np.average(right, weights=weight[known]), rel=1e-6)
    voted = pop.out_of_bag(x, y, weight, combine="vote")
    right = voted.predictions[known] == y[known]
    assert voted.scores["accuracy"] == pytest.approx(np.average(right, weights=weight[known]), rel=1e-6)


def test_the_last_fit_counts():
    x, y, *_ = data()
    pop = trained(2, samples="bootstrap")
    pop.fit(x[:50], y[:50], epochs=1, samples=[np.arange(25), np.arange(25, 50)])
    found = pop.out_of_bag(x[:50], y[:50])
    np.testing.assert_array_equal(found.counts, 1)
    np.testing.assert_allclose(found.predictions[:25], softmax(pop.outputs(x[:25])[1]), atol=1e-6)


def test_threads_make_no_difference(restore_threads):
    x, y, *_ = data()
    pop = trained(5)
    lm.set_num_threads(1)
    one = pop.out_of_bag(x, y)
    lm.set_num_threads(3)
    three = pop.out_of_bag(x, y)
    np.testing.assert_array_equal(one.predictions, three.predictions)
    assert one.scores == three.scores


def test_as_scikit_learns_bagging_classifier():
    ensemble = pytest.importorskip("sklearn.ensemble")
    from ensembles.twins import TwinClassifier

    x, y, *_ = data()
    theirs = ensemble.BaggingClassifier(TwinClassifier(), 20, oob_score=True, random_state=0).fit(x, y)
    pop = population(20, seeds=[twin.random_state for twin in theirs.estimators_])
    pop.fit(x, y, epochs=EPOCHS, samples=theirs.estimators_samples_)
    found = pop.out_of_bag(x, y)
    assert found.left_out == 0
    np.testing.assert_allclose(found.predictions, theirs.oob_decision_function_, atol=1e-6)
    assert found.scores["accuracy"] == pytest.approx(theirs.oob_score_, rel=1e-6)
    xt = data(100, 1)[0]
    np.testing.assert_allclose(pop.predict(xt), theirs.predict_proba(xt), atol=1e-6)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 64, 65])
def test_rows_are_remembered_a_bit_each(n, rng):
    rows = rng.integers(0, n, 1 + n // 2)
    expected = np.zeros(n, bool)
    expected[rows] = True
    np.testing.assert_array_equal(Learned(rows, n).mask(), expected, strict=True)
    assert Learned(None, n).mask().all()


def test_errors():
    x, y, *_ = data()
    pop = population(3)
    with pytest.raises(ValueError, match=r"\[Population.out_of_bag\] model 0 has not been trained"):
        pop.out_of_bag(x, y)
    pop.fit(x, y)
    with pytest.raises(ValueError, match="every model learned from all rows"):
        pop.out_of_bag(x, y)
    pop.fit(x, y, samples="bootstrap", models=[0, 2])
    pop.fit(x[:50], y[:50], samples="bootstrap", models=[1])
    with pytest.raises(ValueError, match="model 1 was trained on 50 rows, but model 0 on 91"):
        pop.out_of_bag(x, y)
    with pytest.raises(ValueError, match="x has 90 rows but the models were trained on 91"):
        pop.out_of_bag(x[:90], y[:90], models=[0, 2])
    with pytest.raises(ValueError, match='combine is None but must be "mean" or "vote"'):
        pop.out_of_bag(x, y, combine=None, models=[0, 2])
    with pytest.raises(ValueError, match="sample_weight is given without y"):
        pop.out_of_bag(x, sample_weight=np.ones(N), models=[0])
    with pytest.raises(ValueError, match="y has shape"):
        pop.out_of_bag(x, y[:5], models=[0])
