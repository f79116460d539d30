"""Which rows models learn from: drawn by seed, given, or left for the measuring."""

import numpy as np
import pytest

import lamella as lm
from lamella.population.rows import held_out_rows, training_rows
from population.techniques import flat
from population.world import assert_same, labelled, members, population

X, Y = labelled(90)
Y = Y % 2


def drawn(choice, seeds=range(4)):
    return training_rows(choice, 90, list(seeds), Y, "rows")


@pytest.mark.parametrize("choice", ["bootstrap", "stratified"])
def test_draws_are_a_function_of_the_seed(choice):
    first = drawn(choice)
    for one, again in zip(first, drawn(choice), strict=True):
        np.testing.assert_array_equal(one, again)
        assert len(one) == 90
        assert len(np.unique(one)) < 75  # 1 - 1 / e of them: 57 are to be expected
    np.testing.assert_array_equal(drawn(choice, [3])[0], first[3])
    assert not np.array_equal(first[0], first[1])


def test_stratified_draws_have_each_class_as_often():
    for rows in drawn("stratified"):
        np.testing.assert_array_equal(np.bincount(Y[rows]), np.bincount(Y))


def test_the_rest_is_what_was_not_drawn():
    rows = drawn("bootstrap")
    for own, rest in zip(rows, held_out_rows("rest", 90, rows, "rows"), strict=True):
        assert sorted({*own, *rest}) == list(range(90))
        assert not {*own} & {*rest}


def test_a_bag_is_the_same_as_its_rows_given():
    """Measured out of bag; numbers, ranges, masks and lists alike."""
    rows = drawn("bootstrap", range(3))
    rest = held_out_rows("rest", 90, rows, "rows")
    bag, given = population(3), population(3)
    bag.fit(X, Y, epochs=3, samples="bootstrap", validation_samples="rest")
    given.fit(X, Y, epochs=3, samples=[list(own) for own in rows], validation_samples=rest)
    for one, other in zip(members(bag), members(given), strict=True):
        assert_same(flat(one), flat(other))


@pytest.mark.parametrize("rows", [range(5, 40), slice(5, 40), np.arange(90) // 5 % 7 != 0])
def test_forms_of_rows(rows):
    numbers = np.arange(90)[rows]
    given = rows if isinstance(rows, (range, np.ndarray)) else numbers
    one, other = population(2), population(2)
    one.fit(X, Y, samples=[given] * 2)
    other.fit(X[numbers], Y[numbers])
    for first, second in zip(members(one), members(other), strict=True):
        assert_same(flat(first), flat(second))


def test_rows_may_come_twice():
    pop = population(1)
    pop.fit(X, Y, samples=[[1, 1, 1, 2]], batch_size=3)
    alone = lm.Trainer(*_parts(population(1)))
    alone.fit(X[[1, 1, 1, 2]], Y[[1, 1, 1, 2]], batch_size=3)
    assert_same(flat(members(pop)[0]), flat(alone))


def _parts(pop):
    trainer = members(pop)[0]
    return trainer.model, trainer.loss, trainer.optimizer


def test_a_table_of_rows():
    """(models, rows) in one array."""
    table = np.array([[1, 2, 3], [4, 5, 6]])
    one, other = population(2), population(2)
    one.fit(X, Y, samples=table, validation_samples=table[::-1])
    other.fit(X, Y, samples=list(table), validation_samples=[[4, 5, 6], [1, 2, 3]])
    for first, second in zip(members(one), members(other), strict=True):
        assert_same(flat(first), flat(second))
