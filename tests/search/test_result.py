"""Results: table, text, pictures."""

import pickle

import numpy as np
import pytest

from lamella import Halving, nn, space

from .world import SPACE, rate_search, search


@pytest.fixture(scope="module")
def found():
    return search(n=15, cv=3, epochs=9, halving=Halving(synchronous=True))


def test_table(found):
    table = found.table
    assert list(table) == ["trial", *SPACE, "score", "score_std", "epochs", "state"]
    assert all(len(column) == 15 for column in table.values())
    for row, trial in enumerate(found):
        assert table["trial"][row] == trial.number == row
        assert {name: table[name][row] for name in SPACE} == trial.settings
        assert (table["score"][row], table["score_std"][row]) == (trial.score, trial.score_std)
        assert table["state"][row] == trial.state
        assert table["epochs"][row] == trial.epochs == trial.histories[0].epochs
    assert found.epochs == 3 * sum(table["epochs"])


def test_ranking(found):
    ranking = found.ranking
    assert found.best_trial is ranking[0]
    assert found.best_settings == ranking[0].settings
    assert found.best_score == ranking[0].score
    assert [t.rung for t in ranking] == sorted((t.rung for t in ranking), reverse=True)
    for rung in (0, 1, 2):
        scores = [t.score for t in ranking if t.rung == rung]
        assert scores == sorted(scores)
    assert len(ranking) == len(found) == 15


def test_accuracies_are_to_rise():
    found = search(monitor="val_accuracy", cv=3)
    assert found.best_score == max(found.scores)


def test_pandas(found):
    frame = found.to_pandas()
    assert frame.shape == (15, 10)
    assert frame.index.name == "trial"
    assert frame.sort_values("score").score.iloc[0] == np.nanmin(found.scores)


def test_text(found):
    lines = repr(found).splitlines()
    assert lines[0].startswith("SearchResult(15 trials: ")
    assert "1 finished" in lines[0]
    assert lines[1].split() == [
        *("trial", "width", "activation", "lr", "dropout", "betas[0]", "batch_size"),
        *("score", "std", "epochs", "state"),
    ]
    assert len(lines) == 13
    assert lines[2].split()[0] == str(found.best_trial.number)
    assert lines[-1] == "... and 5 more, best first"


def test_it_can_be_pickled(found):
    again = pickle.loads(pickle.dumps(found))
    assert repr(again) == repr(found)
    x = np.ones((3, 4))
    for one, other in zip(found.best_trial.models, again.best_trial.models, strict=True):
        np.testing.assert_array_equal(one.predict(x), other.predict(x))


def test_there_is_no_one_model_of_folds(found):
    with pytest.raises(ValueError, match=r"no one best model: search with refit=True, or take best_trial.models"):
        found.model  # noqa: B018


def picture(figure, tmp_path):
    path = tmp_path / "picture.png"
    figure.savefig(path)
    assert path.stat().st_size > 5000
    return figure


def test_score_against_each_setting(found, tmp_path):
    axes = [ax for ax in picture(found.plot(), tmp_path).axes if ax.get_visible()]
    names = ["width", "activation", "lr", "dropout", "betas[0]", "batch_size"]
    assert [ax.get_xlabel() for ax in axes] == names
    assert axes[0].get_ylabel() == "val_loss"
    for ax in axes:
        points = np.concatenate([dots.get_offsets() for dots in ax.collections])
        assert len(points) == 15
        assert np.all((points[:, 0] >= 0) & (points[:, 0] <= 1))
        assert points[:, 1].min() == pytest.approx(min(found.scores))
    assert [text.get_text() for text in axes[1].get_xticklabels()] == ["Tanh", "ReLU"]
    assert [text.get_text() for text in axes[2].get_xticklabels()] == ["0.001", "0.01", "0.1"]


def test_parallel_coordinates(found, tmp_path):
    (ax,) = picture(found.plot_parallel(), tmp_path).axes
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert labels == ["width", "activation", "lr", "dropout", "betas[0]", "batch_size", "val_loss"]
    lines = [line for line in ax.lines if len(line.get_xdata()) == 7]
    assert len(lines) == 15
    best = lines[-1].get_ydata()
    assert best[-1] == max(line.get_ydata()[-1] for line in lines) == 1
    assert best[2] == pytest.approx(np.log(found[int(np.argmin(found.scores))].settings["lr"] / 1e-3) / np.log(100))


def test_pictures_of_given_settings_and_of_trials_that_diverged(tmp_path):
    with pytest.warns(UserWarning, match="1 of 3 trials diverged"):
        given = rate_search([{"lr": 0.05, "nesterov": False}, {"lr": 1e200}, {"lr": 0.01}], epochs=4)
    for figure in (given.plot(), given.plot_parallel()):
        picture(figure, tmp_path)


def test_nothing_to_draw():
    found = search({"width": 5, "lr": 0.01}, n=2, cv=2)
    with pytest.raises(ValueError, match=r"\[SearchResult\] no setting differs between the trials"):
        found.plot()
    found = search(seconds=1e-9)
    with pytest.raises(ValueError, match=r"\[SearchResult\] no trial has a score: there is nothing to draw"):
        found.plot_parallel()


def test_one_score_alone_can_be_drawn(tmp_path):
    found = search({"width": space.Integer(3, 9), "activation": [nn.Tanh], "lr": 0.01}, n=1, cv=2)
    picture(found.plot(), tmp_path)
    picture(found.plot_parallel(), tmp_path)
