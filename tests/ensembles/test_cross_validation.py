"""Each fold is the training alone; scores and predictions are those of its test rows."""

import numpy as np
import pytest

import lamella as lm
from ensembles.world import N, data, network, sigmoid, softmax
from lamella import nn, optim
from lamella.population.folds import fold_rows

FIT = {"loss": nn.CrossEntropyLoss(), "optimizer": optim.Adam, "settings": {"lr": 0.02}, "epochs": 4, "batch_size": 16}


class SparseLike:
    """What scipy's sparse matrices have in common; their ``len`` raises."""

    nnz, toarray = 0, None

    def __len__(self):
        raise TypeError("sparse array length is ambiguous")


def bits(history):
    return {key: values for key, values in history.items() if key != "seconds"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("patience", [None, 1])
def test_each_fold_is_a_training_alone(dtype, threads, patience, restore_threads):
    lm.set_num_threads(threads)
    x, y, *_ = data()
    weight = np.random.default_rng(1).uniform(0.1, 2, N)

    def factory(seed=None):
        return nn.Sequential(
            nn.Linear(5, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.2), nn.Linear(9, 3), seed=seed, dtype=dtype
        )

    cv = lm.cross_validate(
        lambda: factory(), x, y, 4, **FIT, repeats=2, sample_weight=weight, patience=patience, dropout=0.3
    )
    assert len(cv.folds) == len(cv.population) == 8
    for k, (train, test) in enumerate(cv.folds):
        model = factory(k)
        model[3].p = 0.3
        trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.02))
        history = trainer.fit(
            x[train],
            y[train],
            4,
            16,
            (x[test], y[test], weight[test]),
            sample_weight=weight[train],
            patience=patience,
        )
        own = cv.population[k].state_dict()
        for key, value in model.state_dict().items():
            np.testing.assert_array_equal(own[key], value, err_msg=key)
        assert bits(cv.history.histories[k]) == bits(history)
        assert cv.history.histories[k].best_epoch == history.best_epoch
        found = trainer.evaluate(x[test], y[test], weight[test])
        assert {name: values[k] for name, values in cv.scores.items()} == found


@pytest.mark.parametrize(
    ("loss", "y", "outputs", "said"),
    [
        (nn.CrossEntropyLoss(), 1, 3, softmax),
        (nn.MSELoss(), 2, 2, np.asarray),
        (nn.BCEWithLogitsLoss(), 3, 3, sigmoid),
    ],
)
@pytest.mark.parametrize("repeats", [1, 3])
def test_out_of_fold_predictions(loss, y, outputs, said, repeats):
    given = data()
    options = {**FIT, "loss": loss}
    cv = lm.cross_validate(lambda: network(outputs), given[0], given[y], **options, repeats=repeats, seed=4)
    total = np.zeros((N, outputs))
    for (_, test), model in zip(cv.folds, map(cv.population.__getitem__, range(len(cv.folds))), strict=True):
        total[test] += said(model.predict(given[0][test]))
    np.testing.assert_allclose(cv.predictions, total / repeats, rtol=0, atol=1e-6)
    assert cv.predictions.dtype == np.float32
    if repeats == 1:
        np.testing.assert_allclose(cv.population.out_of_bag(given[0]).predictions, cv.predictions, atol=1e-6)


def test_mean_and_spread():
    x, y, *_ = data()
    cv = lm.cross_validate(network, x, y, cv=3, **FIT)
    for name in ("loss", "accuracy"):
        values = cv.scores[name]
        assert values.shape == (3,)
        assert cv.mean[name] == pytest.approx(np.mean(values))
        assert cv.std[name] == pytest.approx(np.sqrt(np.mean((values - values.mean()) ** 2)))
    assert cv.history["val_accuracy"].shape == (3, 4)
    np.testing.assert_array_equal(cv.history["val_loss"][:, -1], cv.scores["loss"])
    assert repr(cv).startswith("CrossValidation(3 folds, loss=")
    assert len(cv.population.ensemble()) == 3


def test_repeats_deal_anew_and_given_rows_are_taken_again():
    x, y, *_ = data()
    cv = lm.cross_validate(network, x, y, 3, **FIT, repeats=2, seed=7)
    for r in range(2):
        expected = fold_rows(3, N, y.astype(np.int32), 7 + r, "test")
        for own, other in zip(cv.folds[3 * r : 3 * r + 3], expected, strict=True):
            np.testing.assert_array_equal(own[0], other[0])
            np.testing.assert_array_equal(own[1], other[1])
    counts = np.array([np.bincount(y[test], minlength=3) for _, test in cv.folds])
    assert (np.ptp(counts, axis=0) <= 1).all()  # stratified
    rows = [(np.arange(0, 40), np.arange(40, 60)), (np.arange(30, N), np.arange(10))]
    cv = lm.cross_validate(network, x, y, rows, **FIT, repeats=2)
    assert [len(test) for _, test in cv.folds] == [20, 10, 20, 10]
    assert cv.scores["loss"][0] != cv.scores["loss"][2]  # another seed
    known = np.isfinite(cv.predictions).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(known), [*range(10), *range(40, 60)])
    one, two = (cv.population[k].predict(x[:10]) for k in (1, 3))
    np.testing.assert_allclose(cv.predictions[:10], (softmax(one) + softmax(two)) / 2, atol=1e-6)


def test_seeds():
    x, y, *_ = data()
    same = lm.cross_validate(network, x, y, [(np.arange(50), np.arange(50, N))] * 2, **FIT, seeds=[5, 5])
    np.testing.assert_array_equal(same.population[0].predict(x), same.population[1].predict(x))
    assert same.population.seeds == [5, 5]
    own = lm.cross_validate(lambda: network(seed=9), x, y, 2, **FIT)
    assert own.population.seeds == [9, 9]


@pytest.mark.parametrize("name", ["KFold", "StratifiedKFold", "ShuffleSplit", "RepeatedKFold", "TimeSeriesSplit"])
def test_scikit_learns_splitters(name):
    selection = pytest.importorskip("sklearn.model_selection")
    splitter = getattr(selection, name)(n_splits=3)
    x, y, *_ = data()
    options = {} if name == "TimeSeriesSplit" else {"random_state": 3}
    if "KFold" in name and not name.startswith("Repeated"):
        options["shuffle"] = True
    splitter = type(splitter)(n_splits=3, **options)
    cv = lm.cross_validate(network, x, y, splitter, **{**FIT, "epochs": 1})
    for own, other in zip(cv.folds, splitter.split(x, y), strict=True):
        np.testing.assert_array_equal(own[0], other[0])
        np.testing.assert_array_equal(own[1], other[1])


def test_as_scikit_learns_cross_validate():
    selection = pytest.importorskip("sklearn.model_selection")
    from ensembles.twins import TwinClassifier
    from ensembles.world import EPOCHS

    x, y, *_ = data()
    splitter = selection.StratifiedKFold(4, shuffle=True, random_state=0)
    theirs = selection.cross_val_score(TwinClassifier(3), x, y, cv=splitter)
    said = selection.cross_val_predict(TwinClassifier(3), x, y, cv=splitter, method="predict_proba")
    own = lm.cross_validate(lambda: network(seed=3), x, y, splitter, **{**FIT, "epochs": EPOCHS, "batch_size": 32})
    np.testing.assert_allclose(own.scores["accuracy"], theirs, rtol=1e-6)
    np.testing.assert_allclose(own.predictions, said, atol=1e-6)


def test_folds_that_diverge_have_no_score():
    x, _, y, _ = data()
    with np.errstate(over="ignore"), pytest.warns(UserWarning, match="1 of 3 models diverged"):
        cv = lm.cross_validate(
            lambda: network(2), x, y, 3, loss=nn.MSELoss(), optimizer=optim.SGD, settings={"lr": [0.01, 1e20, 0.01]}
        )
    np.testing.assert_array_equal(np.isnan(cv.scores["loss"]), [False, True, False])
    np.testing.assert_array_equal(np.isnan(cv.predictions).all(axis=1), np.isin(np.arange(N), cv.folds[1][1]))
    assert np.isnan(cv.mean["mse"])


@pytest.mark.parametrize(("arguments", "kind", "message"), [
    ({"cv": 1}, ValueError, r"\[cross_validate\] cv is 1 but must be at least 2"),
    ({"cv": 92}, ValueError, r"\[cross_validate\] cv is 92 but there are 91 rows"),
    ({"cv": 2.5}, TypeError, r"\[cross_validate\] cv is 2.5 but must be an integer"),
    ({"cv": True}, TypeError, r"\[cross_validate\] cv is True but must be an integer"),
    ({"cv": "5"}, TypeError, r"\[cross_validate\] cv is '5' but must be an integer"),
    ({"cv": []}, ValueError, r"\[cross_validate\] cv is an empty list"),
    ({"cv": [3]}, TypeError, r"\[cross_validate\] cv\[0\] is 3 but must be \(train rows, test rows\)"),
    ({"cv": [([0, 1], [1, 2])]}, ValueError, r"cv\[0\] has row 1 both to train and to test on"),
    ({"cv": [([0, 1], [91])]}, ValueError, r"cv\[0\] test rows reaches from 91 to 91"),
    ({"repeats": 0}, ValueError, r"\[cross_validate\] repeats is 0 but must be at least 1"),
    ({"seed": -1}, ValueError, r"\[cross_validate\] seed is -1 but must be at least 0"),
    ({"seeds": [1, 2]}, ValueError, "seeds has 2 values but there are 5 models"),
    ({"samples": "bootstrap"}, TypeError, "there is no argument 'samples'; those of Population.fit are epochs"),
    ({"monitor": "val_mse", "patience": 2}, ValueError, "monitor is 'val_mse'"),
    ({"settings": {"speed": 1}}, ValueError, "settings has 'speed' but Adam takes"),
    ({"sample_weight": np.ones(3)}, ValueError, r"\[cross_validate\] sample_weight has shape \(3,\)"),
    ({"y": np.zeros(3, int)}, ValueError, r"\[cross_validate\] y has shape \(3,\)"),
    ({"x": SparseLike()}, TypeError, r"\[cross_validate\] x is a sparse matrix; pass x.toarray"),
    ({"x": lm.data.arrays(np.eye(91, 3))}, TypeError, r"\[cross_validate\] x is a source \(Arrays\) where an array is"),
    ({"factory": [network]}, TypeError, r"\[cross_validate\] factory is .* but must be a function"),
])  # fmt: skip
def test_errors(arguments, kind, message):
    x, y, *_ = data()
    with pytest.raises(kind, match=message):
        lm.cross_validate(**{"factory": network, "x": x, "y": y, **FIT, **arguments})
