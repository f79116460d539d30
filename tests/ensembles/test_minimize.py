"""The minimizer, and weights that are none negative and one together."""

import numpy as np
import pytest

from lamella import nn
from lamella.ensemble.convex import convex_weights
from lamella.ensemble.minimize import minimize


@pytest.mark.parametrize("n", [1, 2, 7, 33])
def test_a_quadratic_form(n, rng):
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    a = q @ np.diag(np.logspace(-2, 3, n)) @ q.T
    b = rng.standard_normal(n)
    point, value = minimize(lambda x: (x @ a @ x / 2 - b @ x, a @ x - b), np.zeros(n))
    best = np.linalg.solve(a, b)
    np.testing.assert_allclose(point, best, rtol=0, atol=1e-6 * abs(best).max())
    assert value == pytest.approx(-b @ best / 2)


def test_a_narrow_valley():
    def rosenbrock(x):
        a, b = x
        return 100 * (b - a * a) ** 2 + (1 - a) ** 2, np.array(
            [-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)]
        )

    point, _ = minimize(rosenbrock, np.array([-1.2, 1.0]))
    np.testing.assert_allclose(point, 1, atol=1e-8)


def test_what_is_not_smooth(rng):
    """The median of each column, as the point of the least sum of distances."""
    rows = rng.standard_normal((51, 3)) + np.array([0, 5, -2])
    point, _ = minimize(lambda x: (abs(x - rows).sum(), np.sign(x - rows).sum(axis=0)), np.zeros(3))
    np.testing.assert_allclose(point, np.median(rows, axis=0), atol=1e-6)


def test_what_is_infinite_beyond_some_point():
    def barrier(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return float((x - np.log(x)).sum()), 1 - 1 / x

    point, _ = minimize(barrier, np.array([0.01, 30.0]))
    np.testing.assert_allclose(point, 1, atol=1e-7)


def test_it_stays_at_the_least_value_and_where_there_is_no_slope():
    for start in (np.zeros(3), np.ones(3)):
        point, value = minimize(lambda x: (3.0, np.zeros(3)), start)
        np.testing.assert_array_equal(point, start)
        assert value == 3.0
    point, _ = minimize(lambda x: (float("nan"), np.full(3, np.nan)), np.ones(3))
    np.testing.assert_array_equal(point, 1)


def simplex(groups, seed, count=20_000):
    """Points all over the set of weights, its corners among them."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [np.eye(groups), rng.dirichlet(np.ones(groups), count), rng.dirichlet(np.full(groups, 0.2), count)]
    )


@pytest.mark.parametrize("groups", [1, 2, 4, 9])
@pytest.mark.parametrize("noise", [0.0, 0.1, 2.0])
def test_least_squares(groups, noise, rng):
    """No other point is better, and where weights are not 0 the slopes are equal."""
    y = rng.standard_normal((60, 2))
    shift = rng.standard_normal((groups, 2)) * noise
    table = y[:, None] + shift + rng.standard_normal((60, groups, 2)) * np.linspace(0.3, 2, groups)[:, None]
    rows = rng.uniform(0, 2, 60)
    found = convex_weights(table, nn.MSELoss(), y, rows, "test")
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-12)

    def missed(w):
        return ((np.tensordot(w, table, (-1, 1)) - y) ** 2 * rows[:, None]).sum(axis=(-2, -1))

    assert missed(found) <= missed(simplex(groups, 0, 300)).min() * (1 + 1e-12)
    error = np.tensordot(found, table, (-1, 1)) - y
    slopes = np.einsum("ngd,nd,n->g", table - y[:, None], error, rows)
    assert (slopes >= slopes @ found - 1e-8 * abs(slopes).max()).all()


def test_least_squares_of_models_that_are_right_or_the_same(rng):
    y = rng.standard_normal((30, 1))
    wrong = y[:, None] + rng.standard_normal((30, 3, 1))
    wrong[:, 1] = y
    np.testing.assert_allclose(convex_weights(wrong, nn.MSELoss(), y, None, "test"), [0, 1, 0], atol=1e-9)
    same = np.repeat(y[:, None] + 1.0, 4, axis=1)
    found = convex_weights(same, nn.MSELoss(), y, None, "test")
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("groups", [1, 3, 6])
@pytest.mark.parametrize("kind", ["labels", "ignored", "shares", "weight", "binary", "binary weight"])
def test_likelihood(groups, kind, rng):
    n, c = 70, 3
    if kind.startswith("binary"):
        loss = nn.BCEWithLogitsLoss(*([[1, 0.5, 2]] if "weight" in kind else []), pos_weight=[1, 3, 0.7])
        table, y = rng.uniform(0.02, 0.98, (n, groups, c)), rng.choice([0, 0.4, 1], (n, c))
    else:
        loss = nn.CrossEntropyLoss(weight=[1, 0.2, 3] if kind == "weight" else None)
        table = rng.dirichlet(np.ones(c), (n, groups))
        y = rng.dirichlet(np.ones(c), n) if kind == "shares" else rng.integers(0, c, n).astype(np.int32)
        if kind == "ignored":
            y[::3] = -1
    rows = rng.uniform(0, 2, n)
    found = convex_weights(table, loss, y, rows, "test")
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-12)

    def value(w):
        return loss.evaluate(loss.outputs_of(np.tensordot(w, table, (0, 1))), y, rows)[0]

    best = min(value(w) for w in simplex(groups, 1, 400))
    assert value(found) <= best + 1e-6 * abs(best)


def test_what_has_no_such_weights():
    table = np.ones((3, 2, 1))
    with pytest.raises(ValueError, match='kind is "convex" but L1Loss is none of'):
        convex_weights(table, nn.L1Loss(), np.ones((3, 1)), None, "test")
    with pytest.raises(ValueError, match="no row counts"):
        convex_weights(table, nn.CrossEntropyLoss(), np.full(3, -1, np.int32), None, "test")
