"""Parts of the tool by themselves: what a number is, the split of the rows, the picture."""

import numpy as np
import pytest

from cli.tool import PNG
from lamella.cli.columns import numbers
from lamella.cli.errors import CliError
from lamella.cli.picture import learning_curve
from lamella.cli.table import Table
from lamella.cli.target import ClassTarget, NumberTarget
from lamella.data.splitting import split_rows

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


@pytest.mark.parametrize("others", [["3"] * 3, ["3", "", "N/A"]], ids=["plain", "gaps"])
@pytest.mark.parametrize(("text", "number"), [
    ("1", 1), ("+1.5", 1.5), ("-.5", -0.5), ("5.", 5), ("1e5", 1e5), ("1E-5", 1e-5), ("007", 7),
    ("1_0", None), ("inf", None), ("0x1", None), ("--1", None), ("1e", None), (".", None), ("1,5", None), ("٣", None),
    ("1 2", None), ("1e999", None),
])  # fmt: skip
def test_what_a_number_is(text, number, others):
    lines = [2, 3, 4, 5]
    table = Table("t.csv", {"a": [*others, text]}, lines)
    if number is None:
        with pytest.raises(CliError, match=r'^t\.csv, line 5, column "a": "') as caught:
            numbers(table, "a")
        assert f'"{text}" is ' in str(caught.value)
        return
    assert numbers(table, "a").values[3] == number
    assert numbers(Table("t.csv", {"a": [*others, text.replace(".", ",")]}, lines), "a", ",").values[3] == number
    if "." in text:
        with pytest.raises(CliError, match="is not a number"):
            numbers(table, "a", ",")


@pytest.mark.parametrize("seed", range(5))
def test_split_is_stratified(seed):
    labels = np.repeat([0, 1, 2, 3], [600, 300, 90, 10])
    split = split_rows(1000, 0.1, 0.2, seed, np.random.default_rng(seed).permutation(labels))
    parts = (split.training, split.validation, split.test)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    assert [len(part) for part in parts] == [700, 100, 200]
    shuffled = np.random.default_rng(seed).permutation(labels)
    for part, share in zip(parts, (0.7, 0.1, 0.2), strict=True):
        counts = np.bincount(shuffled[part], minlength=4)
        assert np.abs(counts - share * np.array([600, 300, 90, 10])).max() <= 2


def test_split_differs_by_seed_and_keeps_each_class_in_training():
    labels = np.array([0] * 20 + [1] * 20 + [2])
    splits = [split_rows(41, 0.2, 0.2, seed, labels) for seed in range(20)]
    assert all(40 in split.training for split in splits)
    assert len({tuple(split.test) for split in splits}) > 10
    np.testing.assert_array_equal(splits[3].test, split_rows(41, 0.2, 0.2, 3, labels).test)


@pytest.mark.parametrize(
    ("target", "validation"), [(ClassTarget("y", ("a", "b")), True), (NumberTarget("y", 10.0, 2.0), False)]
)
def test_learning_curve_is_a_picture_of_the_history(target, validation):
    keys = ["loss", target.score_key] + (["val_loss", f"val_{target.score_key}"] if validation else [])
    history = {key: [0.9, 0.5, 0.4] for key in keys}
    picture = learning_curve(history, target, 1)
    assert picture[:8] == PNG
    assert picture != learning_curve({**history, "loss": [0.9, 0.5, 0.3]}, target, 1)
