"""Distributions: their ranges, scales and inverses."""

import math

import numpy as np
import pytest

from lamella import space

EVERY = {
    "uniform": space.Uniform(-2, 3),
    "log": space.LogUniform(1e-4, 10),
    "integer": space.Integer(-3, 4),
    "log integer": space.Integer(1, 300, log=True),
    "choice": space.Choice(["a", 2, None, 2.0]),
    "difference": 1 - space.LogUniform(1e-3, 0.1),
    "difference of integers": 10 - space.Integer(2, 5),
}
PLACES = np.linspace(0, 1, 2001)[:-1]


@pytest.mark.parametrize("kind", EVERY)
def test_place_is_the_inverse_of_at(kind):
    drawn = EVERY[kind]
    for place in (0.0, 0.1, 0.5, 0.77, 0.999):
        value = drawn.at(place)
        assert drawn.at(drawn.place(value)) == pytest.approx(value) if isinstance(value, float) else True
        assert drawn.at(min(drawn.place(value), 0.99999)) == (pytest.approx(value) if type(value) is float else value)


def test_uniform_is_evenly_spread():
    values = np.array([EVERY["uniform"].at(place) for place in PLACES])
    assert values.min() == -2
    assert values.max() < 3
    np.testing.assert_allclose(np.histogram(values, 5, (-2, 3))[0], 400, atol=1)


def test_log_uniform_has_each_power_of_ten_as_often():
    values = np.array([EVERY["log"].at(place) for place in PLACES])
    assert values.min() == 1e-4
    assert values.max() < 10
    np.testing.assert_allclose(np.histogram(np.log10(values), 5, (-4, 1))[0], 400, atol=1)


def test_integers_have_both_ends_and_each_as_often():
    values = [EVERY["integer"].at(place) for place in PLACES]
    assert all(type(value) is int for value in values)
    numbers, counts = np.unique(values, return_counts=True)
    assert numbers.tolist() == list(range(-3, 5))
    np.testing.assert_allclose(counts, 250, atol=1)


def test_log_integers_have_both_ends_and_doublings_as_often():
    values = np.array([EVERY["log integer"].at(place) for place in PLACES])
    assert (values.min(), values.max()) == (1, 300)
    share = np.mean((values >= 10) & (values <= 99))
    assert share == pytest.approx(math.log(99.5 / 9.5) / math.log(300.5 / 0.5), abs=0.002)


def test_options_are_each_as_often_and_the_objects_themselves():
    drawn = EVERY["choice"]
    values = [drawn.at(place) for place in PLACES]
    assert [values.count("a"), sum(v is None for v in values), sum(type(v) is float for v in values)] == [500] * 3
    array = np.arange(3)
    assert space.Choice([array, [1]]).place(array) == 0.25


def test_what_is_close_to_one_is_drawn_by_its_distance():
    values = np.array([EVERY["difference"].at(place) for place in PLACES])
    assert values.min() == pytest.approx(0.9)
    assert values.max() <= 0.999
    assert np.all(np.diff(values) > 0)
    assert np.mean(values > 0.99) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("kind", ["uniform", "log", "integer", "log integer", "difference"])
def test_narrowed_to_what_spans_values(kind):
    drawn = EVERY[kind]
    values = [drawn.at(place) for place in (0.4, 0.5, 0.6)]
    narrow = drawn.narrowed(values)
    drawn_again = [narrow.at(place) for place in PLACES]
    assert min(drawn_again) <= min(values) <= max(values) <= max(drawn_again)
    low, high = drawn.place(min(drawn_again)), drawn.place(max(drawn_again))
    assert low >= 0.32  # 0.35, and half of an integer
    assert high <= 0.68
    again = narrow.narrowed(values)  # of what was drawn at first, not narrower each time
    assert [again.at(p) for p in (0, 0.5)] == [narrow.at(p) for p in (0, 0.5)]


def test_narrowed_options_are_those_that_occur():
    narrow = space.Choice(["a", "b", "c", "d"]).narrowed(["d", "b", "d"])
    assert narrow.ends() == ["b", "d"]


def test_narrowed_to_one_value_is_that_value():
    narrow = space.Integer(1, 9).narrowed([4, 4])
    assert {narrow.at(place) for place in PLACES} == {4}


def test_ends():
    assert space.Integer(2, 9).ends() == [2, 9]
    assert EVERY["choice"].ends() == ["a", 2, None, 2.0]
    low, high = EVERY["difference"].ends()
    assert (low, high) == (pytest.approx(0.9), pytest.approx(0.999))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: space.Uniform(2, 2), ValueError, r"\[Uniform\] low is 2 but must be below high, 2"),
        (lambda: space.Uniform("a", 2), TypeError, r"\[Uniform\] low is 'a' but must be a number"),
        (lambda: space.Uniform(0, math.inf), ValueError, r"\[Uniform\] high is inf but must be finite"),
        (lambda: space.LogUniform(0, 1), ValueError, r"\[LogUniform\] low is 0 but must be above 0"),
        (lambda: space.LogUniform(1, 0.1), ValueError, r"\[LogUniform\] low is 1 but must be below high, 0.1"),
        (lambda: space.Integer(1.5, 3), TypeError, r"\[Integer\] low is 1.5 but must be an integer"),
        (lambda: space.Integer(5, 2), ValueError, r"\[Integer\] low is 5 but must be below high, 2"),
        (lambda: space.Integer(0, 2, log=True), ValueError, r"\[Integer\] low is 0 but must be at least 1"),
        (lambda: space.Integer(1, 2, log=1), TypeError, r"\[Integer\] log is 1 but must be True or False"),
        (lambda: space.Choice([]), ValueError, r"\[Choice\] options is empty"),
        (lambda: space.Choice("ab"), TypeError, r"\[Choice\] options is 'ab' but must be a list"),
        (lambda: 1 - space.Choice([1]), TypeError, r"\[Choice\] options are not subtracted"),
        (lambda: "a" - space.Uniform(0, 1), TypeError, r"\[Uniform\] what it is taken from is 'a'"),
    ],
)
def test_bad_distributions(make, error, message):
    with pytest.raises(error, match=message):
        make()
