"""Held-out rows: early stopping, the user's validation data, and which weights it ends with."""

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from estimators.problems import PROBLEMS, assert_same_weights, classes, classifier, labels, numbers, regressor, weights
from lamella import nn
from lamella.callbacks import Callback, EarlyStopping

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("problem", PROBLEMS)
@quiet
def test_it_ends_with_the_best_epoch(problem):
    make, data = PROBLEMS[problem]
    X, y = data()
    fitted = make(early_stopping=True, max_iter=60, n_iter_no_change=3, learning_rate_init=0.05).fit(X, y)
    scores = fitted.validation_scores_
    assert len(scores) == len(fitted.loss_curve_) == fitted.n_iter_
    assert fitted.best_validation_score_ == max(scores)
    assert fitted.best_loss_ is None
    assert fitted.t_ == fitted.n_iter_ * 81
    again = make(early_stopping=True, max_iter=int(np.argmax(scores)) + 1, learning_rate_init=0.05).fit(X, y)
    assert_same_weights(fitted, again)


@pytest.mark.parametrize("problem", ["multiclass", "single"])
@quiet
def test_the_scores_are_those_of_the_held_out_rows(problem):
    make, data = PROBLEMS[problem]
    X, y = data()
    strata = y if problem == "multiclass" else None
    kept, held = train_test_split(np.arange(len(X)), test_size=0.2, random_state=1, stratify=strata)
    seen = []

    class Score(Callback):
        def on_epoch_end(self, run, epoch, record):
            seen.append(estimator.score(X[held], y[held]) if hasattr(estimator, "_learner") else None)

    estimator = make(random_state=np.random.RandomState(1), restore_best=False, callbacks=[Score()])
    estimator.fit(X[kept], y[kept], validation_data=(X[held], y[held]))
    np.testing.assert_allclose(estimator.validation_scores_, seen, rtol=1e-9)
    assert estimator.best_validation_score_ is None  # nothing was decided by it
    assert estimator.best_loss_ == min(estimator.loss_curve_)


@quiet
def test_scores_of_several_outputs_are_of_all_together():
    X, y = numbers(outputs=3)
    fitted = regressor(max_iter=1).fit(X, y, validation_data=(X, y))
    want = r2_score(y, fitted.predict(X), multioutput="variance_weighted")
    assert fitted.validation_scores_ == pytest.approx([want], rel=1e-9)


@quiet
def test_scores_of_several_labels_are_shares_of_labels():
    X, y = labels()
    fitted = classifier(max_iter=1).fit(X, y, validation_data=(X, y))
    assert fitted.validation_scores_ == [(fitted.predict(X) == y).mean()]


@quiet
def test_the_same_rows_are_held_out_as_by_scikit_learn():
    """By their numbers: the first draw of a generator is a seed here, but a weight there."""
    X, y = classes(n=50)
    fitted = classifier(early_stopping=True, validation_fraction=0.3, max_iter=1).fit(X, y)
    assert fitted.t_ == 35


@quiet
def test_the_loss_may_decide():
    X, y = classes()
    fitted = classifier(early_stopping=True, monitor="loss", max_iter=30).fit(X, y)
    assert all(score < 0 for score in fitted.validation_scores_)
    assert fitted.history_["val_loss"] == [-score for score in fitted.validation_scores_]


@quiet
def test_string_labels_with_early_stopping():
    X, y = classes(("north", "south-west", "east"))
    fitted = classifier(early_stopping=True, max_iter=40, learning_rate_init=0.05).fit(X, y)
    assert fitted.score(X, y) > 0.8
    assert set(fitted.predict(X)) == {"north", "south-west", "east"}


@pytest.mark.parametrize("given", [False, True])
def test_nan_ends_a_training_with_a_clear_error(given):
    X, y = numbers()
    made = regressor(early_stopping=True, solver="sgd", learning_rate_init=1e200, max_iter=50)
    held = {"validation_data": (X, y)} if given else {}
    with pytest.raises(ValueError, match=r"\[MLPRegressor.fit\].*loss became .*try a lower learning rate"):
        made.fit(X, y, **held)


def test_too_few_rows_to_hold_out():
    X = classes(n=12)[0]
    with pytest.raises(ValueError, match="validation set is too small"):
        regressor(early_stopping=True, validation_fraction=0.05, batch_size=4).fit(X, np.arange(12))


def test_partial_fit_has_no_early_stopping():
    X, y = classes()
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        classifier(early_stopping=True).partial_fit(X, y, classes=["ape", "bee", "cat"])


def test_convergence_and_its_warning():
    X, y = classes()
    with pytest.warns(ConvergenceWarning, match=r"5 iterations \(max_iter\) are over"):
        classifier().fit(X, y)
    done = classifier(max_iter=500, tol=0.01, n_iter_no_change=2).fit(X, y)
    assert done.n_iter_ < 500
    assert done.history_.stopped == "patience"


@quiet
def test_without_an_end():
    X, y = classes()
    assert classifier(tol=10.0, n_iter_no_change=np.inf, max_iter=30).fit(X, y).n_iter_ == 30
    assert classifier(tol=10.0, n_iter_no_change=2, max_iter=30).fit(X, y).n_iter_ == 4


@quiet
def test_the_users_early_stopping_takes_the_place_of_ours():
    X, y = classes()
    own = classifier(max_iter=50, tol=10.0, callbacks=EarlyStopping("val_accuracy", patience=40)).fit(
        X, y, validation_data=(X, y)
    )
    assert own.n_iter_ > 20
    assert own.score(X, y) == max(own.validation_scores_)


@quiet
def test_without_restoring_the_last_weights_stay():
    X, y = classes()
    settings = {"early_stopping": True, "max_iter": 15, "learning_rate_init": 0.1, "n_iter_no_change": 100}
    last = classifier(restore_best=False, **settings).fit(X, y)
    best = classifier(**settings).fit(X, y)
    assert last.validation_scores_ == best.validation_scores_
    assert np.argmax(best.validation_scores_) < 14
    assert any((a != b).any() for a, b in zip(weights(last), weights(best), strict=True))


@quiet
def test_an_interrupted_training_is_kept():
    X, y = classes()

    class Interrupt(Callback):
        def on_epoch_end(self, run, epoch, record):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        fitted = classifier(callbacks=[Interrupt()], max_iter=9).fit(X, y)
    assert fitted.n_iter_ == 3
    assert fitted.predict(X).shape == (90,)


@quiet
def test_verbose(capsys):
    X, y = classes()
    fitted = classifier(verbose=True, max_iter=2, early_stopping=True).fit(X, y)
    first = capsys.readouterr().out.splitlines()
    assert first == [
        line
        for epoch in range(2)
        for line in (
            f"Iteration {epoch + 1}, loss = {fitted.loss_curve_[epoch]:.8f}",
            f"Validation score: {fitted.validation_scores_[epoch]:f}",
        )
    ]
    theirs.MLPClassifier(verbose=True, max_iter=2, early_stopping=True).fit(X, y)
    assert [line.split("=")[0] for line in first[:1]] == [capsys.readouterr().out.split("=")[0]]
    classifier(verbose="bar", max_iter=2).fit(X, y)
    shown = capsys.readouterr()
    assert "loss" in shown.out + shown.err


@quiet
def test_losses_without_accuracy_or_squares_decide_by_themselves():
    X, y = numbers()
    fitted = regressor(loss=nn.HuberLoss(), early_stopping=True).fit(X, y)
    assert fitted.validation_scores_ == [-value for value in fitted.history_["val_loss"]]


@pytest.mark.parametrize("names", [("no", "yes"), ("ape", "bee", "cat")])
@quiet
def test_a_class_of_a_single_row(names):
    """It cannot be in both parts, nor can many classes be among few rows."""
    X, y = classes(names)
    y = np.where(np.arange(90) == 7, "rare", y)
    assert len(classifier(early_stopping=True).fit(X, y).validation_scores_) == 5
    assert len(classifier(early_stopping=True, validation_fraction=0.02).fit(*classes(names)).validation_scores_) == 5


@pytest.mark.parametrize("use", ["train on", "hold out"])
def test_rows_of_one_part_count_nothing(use):
    X, y = numbers()
    generator = np.random.RandomState(0)
    generator.randint(2**31 - 1)  # the seed of the network, which is drawn first
    _, held = train_test_split(np.arange(90), test_size=0.1, random_state=generator)
    weight = np.zeros(90)
    weight[held] = 1
    with pytest.raises(ValueError, match=rf"\[MLPRegressor.fit\] sample_weight is 0 for all rows to {use}"):
        regressor(early_stopping=True).fit(X, y, weight if use == "train on" else 1 - weight)
