"""Every loss by hand: values, gradients, scores and reductions, with and without weights of rows."""

import functools

import numpy as np
import pytest

import lamella as lm
from gradcheck import check_gradient
from lamella import nn
from lamella.nn.loss.cells import CellLoss
from loss_cases import CASES
from reference import assert_same_bits, assert_within, f64

#: Rows and columns of targets: around the threads' grain, vectors, and what narrow rows keep on the stack.
SHAPES = [(1, 3), (7, 3), (2, 8), (9, 17), (33, 33), (5, 100), (3, 200)]

REDUCTIONS = ["mean", "sum", "none"]


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def draw_weights(rng, n, dtype):
    """Some rows count nothing."""
    return np.where(rng.random(n) < 0.25, 0, rng.uniform(0.1, 4, n)).astype(dtype)


def reduced(losses, counts, weight, reduction):
    """What the loss must be, by its definition; and what each loss is multiplied by."""
    w = f64(weight) if losses.ndim == 1 else f64(weight)[:, None]
    if reduction == "none":
        return losses * w, np.broadcast_to(w, losses.shape)
    total = (counts * w).sum() if reduction == "mean" else 1.0
    if total == 0:
        return 0.0, np.zeros(losses.shape)
    return (losses * w).sum() / total, np.broadcast_to(w / total, losses.shape)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_values(rng, case, reduction, weighted, dtype):
    eps = np.finfo(dtype).eps
    for n, width in SHAPES:
        z, y = case.draw(rng, n, width, dtype)
        weight = draw_weights(rng, n, dtype) if weighted else None
        loss = case.make(width, reduction=reduction)
        got = loss(z, y, weight)
        losses, counts = case.reference(z, y, loss)
        want, factors = reduced(losses, counts, np.ones(n) if weight is None else weight, reduction)
        # Terms are of the size of outputs and losses (of rates, for Poisson's); a row adds `width` of them.
        rates = np.exp(f64(z).max()) if case.kind == "PoissonNLLLoss" else 0
        bound = (width + 16) * eps * (1 + abs(f64(z)).max() + abs(losses).max() + rates)
        assert_within(got, want, bound * (factors if reduction == "none" else factors.sum()))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradients(rng, case, reduction, weighted):
    for n, width in [(3, 4), (5, 19)]:
        z, y = case.draw(rng, n, width, np.dtype(np.float64), spread=1)
        weight = rng.uniform(0.5, 2, n) if weighted else None
        loss = case.make(width, reduction=reduction)
        shape = np.shape(loss(z, y, weight))
        upstream = rng.standard_normal(shape)
        gradient = loss.backward(upstream)
        plain = loss.backward()
        twin = functools.partial(case.make(width, reduction=reduction), z, y, weight)
        check_gradient(lambda twin=twin, u=upstream: np.sum(u * twin()), z, gradient)
        check_gradient(lambda twin=twin: np.sum(twin()), z, plain)


def test_float32_gradients_are_those_of_float64(rng, case):
    for n, width in SHAPES:
        z, y = case.draw(rng, n, width, np.dtype(np.float32))
        narrow, wide = case.make(width), case.make(width)
        narrow(z, y)
        wide(z.astype(np.float64), y)
        want = wide.backward()
        assert narrow.backward().dtype == np.float32
        assert_within(narrow.backward(), want, (width + 20) * 2**-22 * max(abs(want).max(), abs(z).max() / n))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_integer_weights_are_repeated_rows(rng, case, reduction):
    n, width = 23, 6
    z, y = case.draw(rng, n, width, np.dtype(np.float64))
    times = rng.integers(0, 4, n)
    loss = case.make(width, reduction=reduction)
    value = loss(z, y, times)
    gradient, score = loss.backward(), loss.score
    repeated = loss(np.repeat(z, times, axis=0), np.repeat(y, times, axis=0))
    assert value == pytest.approx(repeated, rel=1e-12)
    assert score == pytest.approx(loss.score, rel=1e-12)
    whole = np.zeros(z.shape)
    np.add.at(whole, np.repeat(np.arange(n), times), loss.backward())
    np.testing.assert_allclose(gradient, whole, rtol=1e-11, atol=1e-14)


def test_weights_of_one_change_no_bit(rng, case, dtype):
    for n, width in SHAPES:
        z, y = case.draw(rng, n, width, dtype)
        plain, weighted = case.make(width), case.make(width)
        assert plain(z, y) == weighted(z, y, np.ones(n))
        assert plain.score == weighted.score
        assert_same_bits(plain.backward(), weighted.backward())


def test_losses_and_reduced_losses_are_of_the_same_pass(rng, case, dtype):
    z, y = case.draw(rng, 33, 11, dtype)
    each, total = case.make(11, reduction="none"), case.make(11, reduction="sum")
    losses, value = each(z, y), total(z, y)
    assert losses.dtype == dtype
    assert value == pytest.approx(f64(losses).sum(), rel=16 * float(np.finfo(dtype).eps))
    assert_same_bits(each.backward(), total.backward())
    assert each.score == total.score


def test_threads_give_the_same_bits(rng, case, threads, restore_threads, share_all_work):
    z, y = case.draw(rng, 203, 37, np.dtype(np.float32))
    weight = draw_weights(rng, 203, np.float32)
    for reduction in ("mean", "none"):
        for w in (None, weight):
            results = []
            for count in (1, threads):
                lm.set_num_threads(count)
                loss = case.make(37, reduction=reduction)
                results.append((loss(z, y, w), loss.backward(), loss.score))
            np.testing.assert_array_equal(results[0][0], results[1][0])
            assert_same_bits(results[0][1], results[1][1])
            assert results[0][2] == results[1][2]


def test_nothing_that_counts_is_zero(rng, case, dtype):
    z, y = case.draw(rng, 5, 4, dtype)
    z[2] = np.nan  # whatever stands in rows of no weight
    for reduction in ("mean", "sum"):
        loss = case.make(4, reduction=reduction)
        assert loss(z, y, np.zeros(5)) == 0
        assert loss.score == 0
        np.testing.assert_array_equal(loss.backward(), 0)
    each = case.make(4, reduction="none")
    np.testing.assert_array_equal(each(z, y, np.zeros(5)), 0)


def test_rows_of_no_weight_may_hold_anything(rng, case, dtype):
    z, y = case.draw(rng, 9, 20, dtype)
    weight = np.array([1, 2, 0, 1, 0, 1, 1, 1, 3])
    loss = case.make(20)
    want = loss(z, y, weight)
    gradient = loss.backward()
    z[[2, 4]] = np.array([np.nan, np.inf])[:, None]
    assert loss(z, y, weight) == want
    np.testing.assert_array_equal(loss.backward(), np.where(weight[:, None] > 0, gradient, 0))


def test_nan_is_not_hidden(rng, case, dtype):
    for width in (3, 16, 17, 40):
        if case.kind == "NLLLoss":
            continue  # it reads one column a row
        z, y = case.draw(rng, 3, width, dtype)
        if case.targets == "some ignored":
            y = np.arange(3) % 2 + (2 if width > 3 else 0)
            y[y == case.settings.get("ignore_index", -100)] = 0 if case.settings.get("ignore_index") else 2
        for column in range(z.shape[1]):
            bad = z.copy()
            bad[1, column] = np.nan
            assert np.isnan(case.make(width)(bad, y)), f"NaN in column {column} of {width}"


# Scores.

SCORES = {
    "CrossEntropyLoss": lambda z, y, loss: z.argmax(1) == (y if y.ndim == 1 else y.argmax(1)),
    "FocalLoss": lambda z, y, loss: z.argmax(1) == y,
    "NLLLoss": lambda z, y, loss: z.argmax(1) == y,
    "MultiMarginLoss": lambda z, y, loss: z.argmax(1) == y,
    "BCEWithLogitsLoss": lambda z, y, loss: (z > 0) == (y > 0.5),
    "SigmoidFocalLoss": lambda z, y, loss: (z > 0) == (y > 0.5),
    "HingeLoss": lambda z, y, loss: np.where(z > 0, 1, -1) == y,
    "MSELoss": lambda z, y, loss: (z - y) ** 2,
    "L1Loss": lambda z, y, loss: abs(z - y),
    "HuberLoss": lambda z, y, loss: abs(z - y),
    "SmoothL1Loss": lambda z, y, loss: abs(z - y),
    "KLDivLoss": lambda z, y, loss: abs(np.exp(z) - (np.exp(y) if loss.log_target else y)),
    "GaussianNLLLoss": lambda z, y, loss: (z[:, : y.shape[1]] - y) ** 2,
    "PoissonNLLLoss": lambda z, y, loss: ((np.exp(z) if loss.log_input else z) - y) ** 2,
    "QuantileLoss": lambda z, y, loss: np.tile(y, (1, len(loss.quantiles))) <= z,
}


def test_scores(rng, case):
    z, y = case.draw(rng, 50, 7, np.dtype(np.float64))
    loss = case.make(7)
    weight = draw_weights(rng, 50, np.float64)
    loss(z, y, weight)
    rows = np.asarray(SCORES[case.kind](z, y, loss), np.float64).reshape(50, -1).mean(axis=1)
    counted = weight * (y != loss.ignored) if y.ndim == 1 and loss.ignored is not None else weight
    assert loss.score == pytest.approx(np.average(rows, weights=counted), rel=1e-12)
    assert isinstance(loss.score_name, str)


DECISIONS = {
    "BCEWithLogitsLoss": lambda z, loss: z > 0,
    "SigmoidFocalLoss": lambda z, loss: z > 0,
    "HingeLoss": lambda z, loss: np.where(z > 0, 1, -1),
    "MSELoss": lambda z, loss: z,
    "KLDivLoss": lambda z, loss: z.argmax(axis=1),
    "GaussianNLLLoss": lambda z, loss: z[:, : z.shape[1] // 2],
    "PoissonNLLLoss": lambda z, loss: np.exp(z) if loss.log_input else z,
    "QuantileLoss": lambda z, loss: z,
}


def test_decisions_and_probabilities(rng, case):
    z, _ = case.draw(rng, 50, 7, np.dtype(np.float64))
    loss = case.make(7)
    decided, said = loss.decide(z), loss.probabilities(z)
    if case.kind in DECISIONS:
        np.testing.assert_array_equal(decided, DECISIONS[case.kind](z, loss))
    elif loss.score_name == "accuracy":
        np.testing.assert_array_equal(decided, z.argmax(axis=1))
    if case.kind in ("CrossEntropyLoss", "FocalLoss", "NLLLoss", "KLDivLoss"):
        np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-12)
    if case.kind in ("BCEWithLogitsLoss", "SigmoidFocalLoss"):
        np.testing.assert_allclose(said, 1 / (1 + np.exp(-z)), rtol=1e-12)


# What makes one loss another.


def test_losses_that_are_the_same(rng):
    z, y = rng.standard_normal((9, 5)), rng.integers(0, 5, 9)
    weight = rng.uniform(0.5, 2, 5)
    assert nn.FocalLoss(0.0, weight)(z, y) == pytest.approx(nn.CrossEntropyLoss(weight)(z, y), rel=1e-14)
    assert nn.CrossEntropyLoss()(z, np.eye(5)[y]) == pytest.approx(nn.CrossEntropyLoss()(z, y), rel=1e-14)
    log_p = nn.CrossEntropyLoss().probabilities(z)
    assert nn.NLLLoss(weight)(np.log(log_p), y) == pytest.approx(nn.CrossEntropyLoss(weight)(z, y), rel=1e-14)
    t = rng.standard_normal((9, 5))
    assert nn.QuantileLoss()(z, t) == pytest.approx(nn.L1Loss()(z, t) / 2, rel=1e-14)
    assert nn.SmoothL1Loss(beta=0)(z, t) == nn.L1Loss()(z, t)
    assert nn.HuberLoss(delta=0.7)(z, t) == pytest.approx(0.7 * nn.SmoothL1Loss(beta=0.7)(z, t), rel=1e-14)
    assert nn.MSELoss(half=True)(z, t) == nn.MSELoss()(z, t) / 2
    shares = rng.dirichlet(np.ones(5), 9)
    rows = nn.KLDivLoss(reduction="batchmean")(np.log(log_p), shares)
    assert rows == pytest.approx(5 * nn.KLDivLoss()(np.log(log_p), shares), rel=1e-14)
    assert rows == pytest.approx(nn.KLDivLoss(reduction="sum")(np.log(log_p), shares) / 9, rel=1e-14)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_batchmean_adds_up_the_cells_of_a_row(rng, case, weighted):
    if not isinstance(case.make(5), CellLoss):
        return
    z, y = case.draw(rng, 9, 5, np.dtype(np.float64))
    weight = rng.uniform(0, 2, 9) if weighted else None
    each = case.make(5, reduction="none")(z, y, weight)
    loss = case.make(5, reduction="batchmean")
    total = 9 if weight is None else weight.sum()
    assert loss(z, y, weight) == pytest.approx(each.sum() / total, rel=1e-12)
    check_gradient(lambda: loss(z, y, weight), z, loss.backward())
