"""Linear models on what members say, against scikit-learn's and against every other point nearby."""

import numpy as np
import pytest

import lamella as lm
from ensembles.world import EPOCHS, N, data, network, population, softmax, trained
from lamella import nn
from lamella.ensemble.stacking import fit_linear, own_loss, own_targets
from loss_cases import CASES

linear_model = pytest.importorskip("sklearn.linear_model")


@pytest.fixture(scope="module")
def classes():
    return trained(5)


@pytest.fixture(scope="module")
def numbers():
    return trained(5, outputs=2, loss=nn.MSELoss(), y=2, dtype="float64")


def flat(table):
    """(models, n, outputs) as a table for scikit-learn."""
    return np.concatenate(list(np.float64(table)), axis=1)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 50.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_squared_errors_make_it_ridge_regression(numbers, alpha, weighted):
    (xv, _, yv, _), (xt, _, yt, _) = data(80, 1), data(60, 2)
    weight = np.random.default_rng(1).uniform(0, 2, 80) if weighted else None
    theirs = linear_model.LinearRegression() if alpha == 0 else linear_model.Ridge(alpha)
    theirs.fit(flat(numbers.outputs(xv)), yv, weight)
    own = numbers.stack(xv, yv, weight, alpha=alpha)
    expected = theirs.predict(flat(numbers.outputs(xt)))
    np.testing.assert_allclose(own.predict(xt), expected, rtol=0, atol=1e-6)
    assert own.evaluate(xt, yt)["mse"] == pytest.approx(((expected - yt) ** 2).mean(), rel=1e-5)
    np.testing.assert_array_equal(own.decide(xt), own.predict(xt))


@pytest.mark.parametrize("alpha", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_make_it_logistic_regression(classes, alpha, weighted):
    (xv, yv, *_), (xt, *_) = data(80, 1), data(60, 2)
    weight = np.random.default_rng(1).uniform(0, 2, 80) if weighted else None
    theirs = linear_model.LogisticRegression(C=1 / alpha, tol=1e-12, max_iter=10_000)
    theirs.fit(flat(softmax(classes.outputs(xv))), yv, weight)
    own = classes.stack(xv, yv, weight, alpha=alpha)
    expected = theirs.predict_proba(flat(softmax(classes.outputs(xt))))
    np.testing.assert_allclose(own.predict(xt), expected, rtol=0, atol=2e-5)


def test_as_scikit_learns_stacking():
    ensemble = pytest.importorskip("sklearn.ensemble")
    from ensembles.twins import TwinClassifier, TwinRegressor

    x, labels, values, _ = data()
    (xv, yv, nv, _), (xt, *_) = data(80, 1), data(60, 2)
    members = [(f"m{k}", TwinClassifier(k).fit(x, labels)) for k in range(3)]
    final = linear_model.LogisticRegression(tol=1e-12, max_iter=10_000)
    theirs = ensemble.StackingClassifier(members, final, cv="prefit").fit(xv, yv)
    pop = population(3)
    pop.fit(x, labels, epochs=EPOCHS)
    own = pop.stack(xv, yv)
    np.testing.assert_allclose(own.predict(xt), theirs.predict_proba(xt), atol=2e-5)
    np.testing.assert_array_equal(own.decide(xt), theirs.predict(xt))

    members = [(f"m{k}", TwinRegressor(k).fit(x, values[:, 0])) for k in range(3)]
    theirs = ensemble.StackingRegressor(members, linear_model.Ridge(), cv="prefit").fit(xv, nv[:, 0])
    pop = population(3, outputs=1, loss=nn.MSELoss())
    pop.fit(x, values[:, 0], epochs=EPOCHS)
    np.testing.assert_allclose(pop.stack(xv, nv[:, 0]).predict(xt)[:, 0], theirs.predict(xt), atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_no_point_nearby_is_better_by_any_loss(name, rng):
    case = CASES[name]
    loss, width = case.make(3, reduction="sum" if "kl" not in name else "mean"), case.outputs_width(3)
    n, groups, alpha = 40, 2, 2.0
    y = case.draw_targets(rng, n, 3, "float64")
    outputs = [case.draw(rng, n, 3, "float64")[0] for _ in range(groups)]
    table = np.stack([loss.probabilities(z) for z in outputs], axis=1)
    if case.outputs == "positive":
        table = table + 0.5
    rows = rng.uniform(0.1, 2, n)
    own, target = own_loss(loss), own_targets(loss, y, n, width, "test")
    model = fit_linear(table, own, target, rows, alpha)

    def objective():
        value = own.evaluate(model.predict(table.reshape(n, -1)), target, rows)[0]
        w = model.weight.data
        if isinstance(own, nn.MSELoss):  # ridge regression: sums of squares
            value = ((model.predict(table.reshape(n, -1)) - target) ** 2 * rows[:, None]).sum()
            return value + alpha * (w**2).sum()
        return value * rows.sum() + alpha / 2 * (w**2).sum()

    best = objective()
    assert np.isfinite(best)
    for arena in (model.weight.data, model.bias.data):
        before = arena.copy()
        for size in (1e-3, 1e-2, 1e-1):
            for _ in range(10):
                arena[...] = before + size * rng.standard_normal(before.shape)
                if case.outputs == "positive" and model.predict(table.reshape(n, -1)).min() < 0:
                    continue  # rates must not be negative
                assert objective() >= best - 1e-6 * abs(best)
        arena[...] = before


def test_whole_weights_are_rows_that_come_so_often(classes):
    xv, yv, *_ = data(60, 1)
    counts = np.random.default_rng(3).integers(0, 4, 60)
    xt = data(20, 2)[0]
    for kind in ("linear", "convex"):
        weighted = classes.stack(xv, yv, counts, kind=kind)
        repeated = classes.stack(np.repeat(xv, counts, axis=0), np.repeat(yv, counts), kind=kind)
        np.testing.assert_allclose(weighted.predict(xt), repeated.predict(xt), atol=1e-5)


def test_groups_count_as_one(numbers):
    (xv, _, yv, _), (xt, *_) = data(80, 1), data(60, 2)
    labels = ["a", "b", "a", "c", "b"]

    def grouped(x):
        z = numbers.outputs(x)
        return np.stack([(z[0] + z[2]) / 2, (z[1] + z[4]) / 2, z[3]])

    theirs = linear_model.Ridge().fit(flat(grouped(xv)), yv)
    own = numbers.stack(xv, yv, groups=labels)
    np.testing.assert_allclose(own.predict(xt), theirs.predict(flat(grouped(xt))), atol=1e-6)
    convex = numbers.stack(xv, yv, groups=labels, kind="convex").weights
    assert convex[0] == convex[2]
    assert convex[1] == convex[4]
    assert convex.sum() == pytest.approx(1)
    chosen = numbers.stack(xv, yv, groups=[labels[k] for k in (3, 0, 2)], models=[3, 0, 2])
    np.testing.assert_array_equal(chosen.combine.groups, [0, 1, 1])
    assert len(chosen) == 3


def two_architectures(n, samples):
    x, y, *_ = data()
    makers = [lambda: network(3, 4), lambda: network(3, 16)]
    pop = lm.Population(makers, n, loss=nn.CrossEntropyLoss(), optimizer=lm.optim.Adam, settings={"lr": 0.02})
    pop.fit(x, y, epochs=EPOCHS, samples=samples)
    return pop


def theirs_on(pop, out):
    """Logistic regression on each row's mean prediction by the unseen models of each architecture."""
    x, y, *_ = data()
    said = softmax(pop.outputs(x))
    table = np.full((2, N, 3), np.nan)
    for group in range(2):
        for row in range(N):
            own = [k for k in range(len(pop)) if k % 2 == group and out[k, row]]
            if own:
                table[group, row] = said[own, row].mean(axis=0)
    known = np.isfinite(table).all(axis=(0, 2))
    final = linear_model.LogisticRegression(tol=1e-12, max_iter=10_000)
    return final.fit(flat(table[:, known]), y[known]), known


def predicted(theirs, pop, x):
    said = softmax(pop.outputs(x))
    return theirs.predict_proba(flat(np.stack([said[::2].mean(axis=0), said[1::2].mean(axis=0)])))


def test_out_of_bag_models_of_one_factory_speak_together():
    x, y, *_ = data()
    pop = two_architectures(8, "bootstrap")
    out = np.array([~member.learned.mask() for member in pop._members])
    theirs, known = theirs_on(pop, out)
    assert 0 < (~known).sum() < N // 2  # rows of which an architecture can say nothing
    xt = data(50, 2)[0]
    own = pop.stack(x, y, out_of_bag=True)
    np.testing.assert_allclose(own.predict(xt), predicted(theirs, pop, xt), atol=2e-5)


def test_out_of_fold_predictions_are_out_of_bag_ones():
    x, y, *_ = data()
    folds = np.arange(N) % 3
    rows = [np.flatnonzero(folds != k // 2) for k in range(6)]
    pop = two_architectures(6, rows)
    theirs, known = theirs_on(pop, np.array([folds == k // 2 for k in range(6)]))
    assert known.all()
    xt = data(50, 2)[0]
    own = pop.stack(x, y, out_of_bag=True)
    np.testing.assert_allclose(own.predict(xt), predicted(theirs, pop, xt), atol=2e-5)


def test_convex_weights_are_those_of_a_mean(classes):
    (xv, yv, *_), (xt, *_) = data(300, 1), data(60, 2)
    own = classes.stack(xv, yv, kind="convex")
    assert own.combine == "mean"
    assert own.weights.min() >= 0
    assert own.weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(own.predict(xt), classes.predict(xt, weights=own.weights), atol=1e-6)
    found = own.evaluate(xv, yv)["loss"]
    assert found <= classes.ensemble().evaluate(xv, yv)["loss"] + 1e-6
    assert found <= classes.evaluate(xv, yv)["loss"].min() + 1e-6


def test_an_ensemble_stacks_its_own_models(classes):
    (xv, yv, *_), (xt, *_) = data(80, 1), data(60, 2)
    own = classes.ensemble()
    stack = own.stack(xv, yv, alpha=0.5)
    assert stack[0] is own[0]
    np.testing.assert_array_equal(stack.predict(xt), classes.stack(xv, yv, alpha=0.5).predict(xt))


def test_threads_and_repeats_make_no_difference(classes, restore_threads):
    (xv, yv, *_), (xt, *_) = data(80, 1), data(60, 2)
    found = []
    for threads in (1, 3, 1):
        lm.set_num_threads(threads)
        found.append([classes.stack(xv, yv, kind=kind).predict(xt) for kind in ("linear", "convex")])
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_errors(classes):
    xv, yv, *_ = data(30, 1)
    x, y, *_ = data()
    with pytest.raises(ValueError, match=r"\[Population.stack\] alpha is -1"):
        classes.stack(xv, yv, alpha=-1)
    with pytest.raises(ValueError, match="kind is 'quadratic' but must be"):
        classes.stack(xv, yv, kind="quadratic")
    with pytest.raises(ValueError, match="groups has 2 labels but there are 5 models"):
        classes.stack(xv, yv, groups=[0, 1])
    with pytest.raises(ValueError, match=r"\[Ensemble.stack\] groups has 2 labels"):
        classes.ensemble().stack(xv, yv, groups=[0, 1])
    with pytest.raises(ValueError, match="y has shape"):
        classes.stack(xv, yv[:5])
    with pytest.raises(ValueError, match=r"sample_weight\[2\] is -1"):
        classes.stack(xv, yv, [1, 1, -1] + [1] * 27)
    with pytest.raises(ValueError, match="sample_weight is 0 for all rows"):
        classes.stack(xv, yv, np.zeros(30))
    with pytest.raises(TypeError, match="out_of_bag is 1 but must be True or False"):
        classes.stack(xv, yv, out_of_bag=1)
    with pytest.raises(ValueError, match="x has 30 rows but the models were trained on 91"):
        classes.stack(xv, yv, out_of_bag=True)
    halves = trained(2, samples=[np.arange(60), np.arange(30, N)])
    with pytest.raises(ValueError, match="no row of which each of 2 groups can say something"):
        halves.stack(x, y, out_of_bag=True, groups=range(2))
    pop = population(2)
    with pytest.raises(ValueError, match="model 0 has not been trained"):
        pop.stack(x, y, out_of_bag=True)
