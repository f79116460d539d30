"""Layers that scale by a training set's statistics: what they take from it, and that they travel with the model."""

import copy
import pickle

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.nn import moments
from module.networks import assert_same_state

KINDS = [nn.Standardize, nn.MinMaxScale, nn.RobustScale]
RUNNING = KINDS[:2]

each = pytest.mark.parametrize("kind", KINDS)
running = pytest.mark.parametrize("kind", RUNNING)


def table(n=203, width=5):
    """Columns of different places and sizes; the last is of one value."""
    rng = np.random.default_rng(1)
    x = rng.normal([3, -200, 0, 1e4, 0], [1, 30, 1e-4, 1, 0], (n, width))
    x[:, -1] = 0.1
    return x


def statistics(layer):
    return np.stack([layer.center.detach(), layer.scale.detach()])


def double(layer):
    """By itself, in float64."""
    layer = copy.deepcopy(layer)
    layer.dtype = "float64"
    return layer


@pytest.fixture
def small_blocks(monkeypatch):
    """Seven rows of :func:`table` at a time."""
    monkeypatch.setattr(moments, "_BLOCK", 35)


# What they compute.


def test_standardize():
    x = table()
    y = double(nn.Standardize.of(x))(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-11)
    np.testing.assert_allclose(y.std(axis=0), [1, 1, 1, 1, 0], rtol=1e-12)


def test_min_max():
    x = table()
    for low, high in [(-1, 1), (0, 1), (2, 10.5)]:
        y = double(nn.MinMaxScale.of(x, low=low, high=high))(x)
        np.testing.assert_array_equal(y.min(axis=0), low)
        np.testing.assert_allclose(y.max(axis=0), [high] * 4 + [low], rtol=1e-14)


def test_robust():
    x = table()
    y = double(nn.RobustScale.of(x))(x)
    np.testing.assert_allclose(np.median(y, axis=0), 0, atol=1e-11)
    low, high = np.percentile(y, [25, 75], axis=0)
    np.testing.assert_allclose(high - low, [1, 1, 1, 1, 0], rtol=1e-11)
    mostly = np.zeros((9, 1))
    mostly[3] = 5
    np.testing.assert_array_equal(nn.RobustScale.of(mostly)(mostly), mostly)


@each
def test_a_column_of_one_value_counts_for_nothing(kind):
    layer = kind.of(table())
    x = table().astype(np.float32)
    x[:, -1] = np.linspace(-1e6, 1e6, len(x))
    assert (layer(x)[:, -1] == (-1 if kind is nn.MinMaxScale else 0)).all()
    assert (layer.backward(np.ones_like(x))[:, -1] == 0).all()


@pytest.mark.parametrize("value", [0.1, -1 / 3, 1e-30, 123456.789, 0.0])
@pytest.mark.parametrize("n", [1, 2, 1001])
@each
@pytest.mark.usefixtures("small_blocks")
def test_equal_values_have_no_deviation_whatever_rounding_makes_of_their_mean(kind, n, value):
    layer = kind.of(np.full((n, 1), value))
    np.testing.assert_array_equal(statistics(layer), [[value], [0]])


def test_a_column_that_only_rounding_moves_has_no_deviation():
    x = np.full((50, 1), 0.3)
    x[::2] = 0.1 + 0.2
    assert x.std() > 0
    assert nn.Standardize.of(x).scale.detach() == 0


def test_far_means_cost_no_digits():
    x = 1e8 + np.random.default_rng(0).standard_normal((1000, 1))
    np.testing.assert_allclose(nn.Standardize.of(x).scale.detach(), (x - 1e8).std(), rtol=1e-12)


@each
def test_inverse(kind):
    x = table()
    layer = kind.of(x)
    back = layer.inverse()
    assert type(back) is nn.Unscale
    np.testing.assert_array_equal(statistics(back), statistics(layer))
    np.testing.assert_allclose(double(back)(double(layer)(x)) / abs(x).max(axis=0), x / abs(x).max(axis=0), atol=1e-15)
    assert not np.shares_memory(back.center.detach(), layer.center.detach())


# How they are fitted.


@each
@pytest.mark.usefixtures("small_blocks")
def test_blocks_give_what_the_whole_gives(kind, monkeypatch):
    in_blocks = statistics(kind.of(table()))
    monkeypatch.undo()
    whole = statistics(kind.of(table()))
    np.testing.assert_allclose(in_blocks, whole, rtol=1e-12)


@running
def test_in_parts(kind):
    x, layer = table(), kind(5)
    for begin, end in [(0, 1), (1, 50), (50, 52), (52, 203)]:
        assert layer.partial_fit(x[begin:end]) is layer
        assert layer.samples_seen == end
    np.testing.assert_allclose(statistics(layer), statistics(kind.of(x)), rtol=1e-12)
    layer.fit(x[:50])  # begins anew
    np.testing.assert_array_equal(statistics(layer), statistics(kind.of(x[:50])))


@running
def test_in_parts_goes_on_after_copies_and_files(kind, tmp_path):
    x, first = table(), kind.of(table()[:100])
    whole = statistics(kind.of(x))
    for again in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        np.testing.assert_allclose(statistics(again.partial_fit(x[100:])), whole, rtol=1e-12)
    assert first.samples_seen == 100
    model = nn.Sequential(first, dtype="float64")
    model(x)
    lm.save(model, tmp_path / "m")
    loaded = lm.load(tmp_path / "m")[0]
    assert loaded.samples_seen == 100
    np.testing.assert_allclose(statistics(loaded.partial_fit(x[100:])), whole, rtol=1e-9)
    other = kind.of(x)
    other.load_state_dict(first.state_dict())
    np.testing.assert_allclose(statistics(other.partial_fit(x[100:])), whole, rtol=1e-6)  # a state in float32
    assert other.partial_fit(x).scale.data[-1] == 0  # 0.1 is not the float32 that the state holds


@each
@pytest.mark.usefixtures("small_blocks")
def test_what_x_may_be(kind, tmp_path):
    x = table().astype(np.float32)
    want = statistics(kind.of(x))
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for form in (mapped, x.astype(np.float64), np.asfortranarray(x), x.tolist()):
        np.testing.assert_array_equal(statistics(kind.of(form)), want)
    integers = np.arange(12).reshape(4, 3)
    np.testing.assert_array_equal(statistics(kind.of(integers)), statistics(kind.of(integers.astype(np.float64))))


@each
@pytest.mark.usefixtures("small_blocks")
def test_sparse(kind):
    sparse = pytest.importorskip("scipy.sparse")
    x = table() * (np.random.default_rng(0).random((203, 5)) < 0.3)
    want = statistics(kind.of(x))
    for form in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
        np.testing.assert_array_equal(statistics(kind.of(form(x))), want)
    bad = sparse.lil_matrix(x)
    bad[150, 2] = np.nan
    with pytest.raises(ValueError, match=r"column 2 \(first at row 150\)"):
        kind.of(bad)


@each
def test_sources(kind, tmp_path):
    x = table()
    want = statistics(kind.of(x))
    np.save(tmp_path / "x.npy", x)
    parts = [x[:100], x[100:100], x[100:]]
    for source in (lm.data.npy(tmp_path / "x.npy", block_rows=7), lm.data.batches(lambda: iter(parts))):
        np.testing.assert_allclose(statistics(kind.of(source)), want, rtol=1e-12)
    bad = x.copy()
    bad[150, 2] = np.nan
    with pytest.raises(ValueError, match=r"column 2 \(first at row 150\)"):
        kind.of(lm.data.npy(bad, block_rows=7))
    with pytest.raises(
        ValueError, match=rf"\[{kind.__name__}.of\] x has no rows|\[{kind.__name__}.of\] x \(.* no rows"
    ):
        kind.of(lm.data.batches(lambda: iter([])))


@each
def test_frames(kind):
    pandas = pytest.importorskip("pandas")
    x = table()
    frame = pandas.DataFrame(x, columns=list("abcde"))
    np.testing.assert_array_equal(statistics(kind.of(frame)), statistics(kind.of(x)))
    frame.loc[7, "b"] = np.inf
    with pytest.raises(ValueError, match=r"column b \(first at row 7\)"):
        kind.of(frame)


# In models.


@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_travels_with_the_model(kind, dtype, tmp_path):
    x = table()
    y = x[:, :1] * 50 - 3
    targets = kind.of(y)
    model = nn.Sequential(kind.of(x), nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1), seed=0, dtype=dtype)
    before = model.state_dict()
    trainer = lm.Trainer(model, nn.MSELoss(), optim.Adam(model.parameters(), lr=0.01))
    history = trainer.fit(x, targets(y), epochs=60)
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    for name in ("0.center", "0.scale", "0.samples_seen"):
        np.testing.assert_array_equal(model.state_dict()[name], before[name])
    predictor = nn.Sequential(model, targets.inverse())
    error = np.abs(predictor.predict(x) - y).mean()
    assert error < 0.5 * np.abs(y - y.mean()).mean()
    lm.save(predictor, tmp_path / "predictor")
    again = lm.load(tmp_path / "predictor")
    assert_same_state(again, predictor)
    np.testing.assert_array_equal(again.predict(x), predictor.predict(x))
    assert predictor.num_parameters == model.num_parameters


@each
def test_as_scaled_before(kind):
    # In the model or before it: the same numbers, and so the same training, bit for bit.
    x = table().astype(np.float32)
    labels = (x[:, 0] > 3).astype(int)
    states = []
    for inside in (True, False):
        own = kind.of(x)
        given = x if inside else own(x)
        model = nn.Sequential(own if inside else nn.Identity(), nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2), seed=0)
        lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters())).fit(given, labels, epochs=3)
        states.append({key: value for key, value in model.state_dict().items() if not key.startswith("0.")})
    assert_same_state(*states)


@each
def test_fitted_inside_a_model_that_is_in_use(kind):
    x = table()
    model = nn.Sequential(kind.of(x), nn.Linear(5, 2), seed=0)
    before = model.predict(x)
    model[0].fit(2 * x)
    np.testing.assert_allclose(model.predict(2 * x), before, rtol=1e-4, atol=1e-5)
    fresh = nn.Sequential(kind.of(2 * x), nn.Linear(5, 2), seed=0)
    np.testing.assert_array_equal(model.predict(x), fresh.predict(x))


@each
def test_float64_models_keep_float64(kind):
    x = table()
    model = nn.Sequential(kind.of(x), nn.Linear(5, 2), dtype="float64")
    model.parameters()
    np.testing.assert_array_equal(statistics(model[0]), statistics(kind.of(x)))


def test_names_in_a_state():
    assert list(nn.Standardize.of(table()).state_dict()) == ["center", "scale", "samples_seen"]
    assert list(nn.Unscale(3).state_dict()) == ["center", "scale"]
    assert repr(nn.MinMaxScale(3, high=2)) == "MinMaxScale(features=3, low=-1.0, high=2.0)"


# What is refused.


LAYERS = [*(lambda kind=kind: kind(3) for kind in KINDS), lambda: nn.Unscale(3), lambda: nn.Projection(3, 3)]


@pytest.mark.parametrize("make", LAYERS)
def test_without_values_nothing_runs(make, tmp_path):
    x, message = np.ones((4, 3)), r"it has no values yet: (call fit|make it by)"
    model = nn.Sequential(make(), nn.Linear(3, 3), seed=0)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    lm.save(model, tmp_path / "model")
    loaded = lm.load(tmp_path / "model")
    uses = [lambda: make()(x), lambda: model(x), lambda: loaded.predict(x), lambda: trainer.fit(x, x)]
    if not isinstance(make(), nn.Unscale):
        uses.append(lambda: make().inverse())
    for use in uses:
        with pytest.raises(RuntimeError, match=message):
            use()


@each
def test_bad_data_is_refused_and_changes_nothing(kind):
    layer = kind.of(table())
    before, seen = statistics(layer), layer.samples_seen
    bad = table()
    bad[100, 1], bad[2, 3] = np.nan, np.inf
    calls = [layer.fit, *([layer.partial_fit] if kind in RUNNING else [])]
    for call in calls:
        where = rf"\[{kind.__name__}.{call.__name__}\]"
        for value, error, message in [
            (
                bad,
                ValueError,
                r"x has NaN or infinite values in column 1 \(first at row 100\), column 3 \(first at row 2",
            ),
            (table()[:, :4], ValueError, r"x has 4 features but the model expects 5"),
            (table()[0], ValueError, r"x has shape \(5,\) but \(n, features\) .*for one column, .* pass x\[:, None\]"),
            (np.empty((0, 5)), ValueError, r"x has no rows"),
            ([["a"] * 5], TypeError, r"x has dtype <U1"),
            (
                np.full((2, 5), 1e308) * [[1], [-1]],
                ValueError,
                r"the values of x in columns 0, 1, 2, 3, 4 are too large",
            ),
        ]:
            with pytest.raises(error, match=f"{where}.*{message}"):
                call(value)
            np.testing.assert_array_equal(statistics(layer), before)
            assert layer.samples_seen == seen
    with pytest.raises(ValueError, match=rf"\[{kind.__name__}.of\] x has shape \(5,\)"):
        kind.of(table()[0])


def test_bad_arguments():
    for make, error, message in [
        (lambda: nn.Standardize(0), ValueError, r"\[Standardize\] features is 0 but must be at least 1"),
        (lambda: nn.Standardize(2.0), TypeError, r"\[Standardize\] features is 2.0 but must be an integer"),
        (lambda: nn.MinMaxScale(2, low="a"), TypeError, r"\[MinMaxScale\] low is 'a' but must be a number"),
        (lambda: nn.MinMaxScale(2, 1, 1), ValueError, r"\[MinMaxScale\] low is 1 but must be below high, 1"),
        (lambda: nn.Unscale(2, offset=np.inf), ValueError, r"\[Unscale\] offset is inf but must be finite"),
        (lambda: nn.Normalize("l3"), ValueError, r"\[Normalize\] norm is 'l3' but must be \"l1\", \"l2\" or \"max\""),
        (lambda: nn.Normalize(eps=-1), ValueError, r"\[Normalize\] eps is -1 but must be at least 0"),
    ]:
        with pytest.raises(error, match=message):
            make()


def test_a_bad_count_is_refused():
    layer = nn.Standardize.of(table())
    state = layer.state_dict()
    for count in (-1, np.nan):
        with pytest.raises(ValueError, match=r"samples_seen is .* but must be a number of rows"):
            layer.load_state_dict({**state, "samples_seen": np.array(count)})


@pytest.mark.parametrize("kind", RUNNING)
def test_numbers_too_coarse_for_the_data_are_warned_of(kind):
    x = 1.7e9 + np.arange(5.0)[:, None]
    with pytest.warns(
        UserWarning, match=r"float32 cannot tell the values of column 0 apart, which differ by .* around"
    ):
        kind.of(x)(x)
    model = nn.Sequential(kind.of(x), dtype="float64")
    assert len(np.unique(model(x))) == 5


def test_values_too_large_for_the_model():
    layer = nn.Standardize.of([[1e100], [-1e100]])
    with pytest.raises(ValueError, match=r'\[Standardize\] scale is too large for float32; use dtype="float64"'):
        layer([[0.0]])
