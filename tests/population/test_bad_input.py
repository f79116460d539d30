"""What does not fit is named, and nothing is half-changed."""

import copy
import pickle

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.optim import schedule
from population.world import all_of, assert_same, labelled, population, small

N = 4
X, Y = labelled()
RARE = np.zeros(len(Y), np.int64)
RARE[0] = 1


def layer_of_many():
    shared = nn.Linear(5, 8)
    return lambda: nn.Sequential(shared, nn.Tanh(), nn.Linear(8, 3))


def model_of_many():
    model = small()
    return lambda: model


def growing():
    widths = iter(range(3, 100))

    def make():
        width = next(widths)
        return nn.Sequential(nn.Linear(5, width), nn.Linear(width, 3))

    return make


CONSTRUCTIONS = {
    "no models": ({"n": 0}, ValueError, "n is 0 but must be at least 1"),
    "n of another kind": ({"n": 2.5}, TypeError, "n is 2.5"),
    "no n": ({"n": None}, TypeError, "n is None"),
    "a model": ({"factory": small()}, TypeError, "factory is"),
    "no factory": ({"factory": None}, TypeError, "factory is None"),
    "no factories": ({"factory": []}, ValueError, "factory is an empty list"),
    "no model": ({"factory": lambda: 3}, TypeError, "factory gave 3"),
    "too many arguments": ({"factory": lambda a, b: small()}, TypeError, "factory takes 2 arguments"),
    "written in C": ({"factory": dict}, TypeError, "factory gave {}"),
    "one model": ({"factory": model_of_many()}, ValueError, "gave before"),
    "one layer": ({"factory": layer_of_many()}, ValueError, "gave before"),
    "different models": ({"factory": growing()}, ValueError, "factory makes different models: model 1"),
    "few seeds": ({"seeds": [1, 2]}, ValueError, "seeds has 2 values but there are 4 models"),
    "seeds of other kinds": ({"seeds": [1, 2, 3, 4.5]}, TypeError, "seed is 4.5"),
    "no seed": ({"seeds": [1, 2, 3, None]}, TypeError, "seeds holds None"),
    "a loss of another kind": ({"loss": 3}, TypeError, "loss is 3"),
    "no loss": ({"loss": lambda: 3}, TypeError, "model 0: loss gave 3"),
    "losses of rows": ({"loss": nn.CrossEntropyLoss(reduction="none")}, ValueError, "reduction"),
    "an unknown argument of the loss": ({"loss_settings": {"gamma": 1}}, ValueError, "loss_settings has 'gamma' but"),
    "a bad one of one model": (
        {"loss_settings": {"label_smoothing": [0, 0, 2, 0]}},
        ValueError,
        "model 2: [CrossEntropyLoss] label_smoothing is 2",
    ),
    "no optimizer": ({"optimizer": lambda parameters: 3}, TypeError, "optimizer is 3"),
    "an optimizer": ({"optimizer": 3}, TypeError, "optimizer is 3"),
    "a setting that it lacks": (
        {"settings": {"momentum": 0.9}},
        ValueError,
        "settings has 'momentum' but Adam takes lr",
    ),
    "few rates": ({"settings": {"lr": [1, 2]}}, ValueError, "settings['lr'] has 2 values but there are 4 models"),
    "a rate below 0": ({"settings": {"lr": [1, 2, 3, -4]}}, ValueError, "model 3: [Adam] lr is -4"),
    "settings of another kind": ({"settings": [1, 2, 3, 4]}, TypeError, "settings is [1, 2, 3, 4]"),
    "no layer to drop out": ({"dropout": 0.1}, ValueError, "there is no layer 'Dropout' with a setting 'p'"),
    "not a setting": ({"layer_settings": {"Linear.training": True}}, ValueError, "with a setting 'training'"),
    "layers of another kind": ({"layer_settings": [3]}, TypeError, "layer_settings is [3]"),
    "a layer of another kind": ({"layer_settings": {3: 3}}, ValueError, "layer_settings has '3'"),
    "few rows to add up": ({"accumulate": [1, 1, 0, 1]}, ValueError, "model 2: [Trainer] accumulate is 0"),
}


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_construction(name):
    options, kind, text = CONSTRUCTIONS[name]
    with pytest.raises(kind) as caught:
        population(**{"n": N, **options})
    assert str(caught.value).startswith("[Population]")
    assert text in str(caught.value)


def refuse(number, rng):
    return [len(X)]


FITS = {
    "few targets": ({"y": Y[1:]}, ValueError, "y has shape"),
    "an unknown label": ({"y": Y + 2}, ValueError, "labels must be in [0, 3)"),
    "not finite": ({"x": X * np.inf}, ValueError, "x has NaN or infinite values"),
    "few features": ({"x": X[:, 1:]}, ValueError, "x has 4 features"),
    "few weights": ({"sample_weight": np.ones(3)}, ValueError, "sample_weight has shape (3,)"),
    "weights of few models": ({"sample_weight": np.ones((3, 67))}, ValueError, "rows for 3 models but there are 4"),
    "few weights of each": ({"sample_weight": np.ones((4, 3))}, ValueError, "sample_weight has shape (3,)"),
    "ragged weights": ({"sample_weight": [[1, 2], [3], [4], [5]]}, TypeError, "sample_weight cannot be read"),
    "few epochs": ({"epochs": [1, 2]}, ValueError, "epochs has 2 values but there are 4 models"),
    "epochs below 0": ({"epochs": [1, 2, 3, -4]}, ValueError, "epochs is -4"),
    "no batch size": ({"batch_size": [1, 2, 3, 0]}, ValueError, "batch_size is 0"),
    "shuffle of another kind": ({"shuffle": 3}, TypeError, "shuffle is 3"),
    "drop_last of another kind": ({"drop_last": "yes"}, TypeError, "drop_last is 'yes'"),
    "on_epoch of another kind": ({"on_epoch": 3}, TypeError, "on_epoch is 3"),
    "validation data of another kind": ({"validation_data": (X,)}, TypeError, "validation_data is a tuple"),
    "validation data not finite": ({"validation_data": (X * np.nan, Y)}, ValueError, "x has NaN"),
    "twice validated": ({"validation_data": (X, Y), "validation_samples": "rest"}, ValueError, "only one can be"),
    "nothing to be measured on": ({"validation_samples": "rest"}, ValueError, "model 0 is trained on all rows"),
    "measured on nobody knows": ({"validation_samples": "others"}, ValueError, "validation_samples is 'others'"),
    "unknown samples": ({"samples": "some"}, ValueError, "samples is 'some'"),
    "samples of another kind": ({"samples": 3}, TypeError, "samples is a int"),
    "rows of few models": ({"samples": [[1]]}, ValueError, "samples has rows for 1 models but there are 4"),
    "rows beyond": ({"samples": [[1], [2], [3], [67]]}, ValueError, "samples[3] reaches from 67 to 67"),
    "rows before": ({"samples": [[1], [2], [3], [-1]]}, ValueError, "samples[3] reaches from -1 to -1"),
    "rows between": ({"samples": [[1], [2], [3], [0.5]]}, TypeError, "samples[3] has shape (1,) and dtype float64"),
    "no rows": ({"samples": [np.zeros(67, bool)] * 4}, ValueError, "samples[0] is empty"),
    "a label missing": ({"samples": "bootstrap", "y": RARE}, ValueError, 'has label 1; "stratified" draws'),
    "no classes": ({"samples": "stratified", "y": np.full((67, 3), 0.5)}, ValueError, "not classes"),
    "a schedule": ({"schedule": 3}, TypeError, "schedule is 3"),
    "settings of none": ({"schedule_settings": {"gamma": 1}}, ValueError, "without a schedule"),
    "a setting that it lacks": (
        {"schedule": schedule.StepLR, "schedule_settings": {"steps": 3}},
        ValueError,
        "schedule_settings has 'steps' but StepLR takes step_size",
    ),
    "a setting that is missing": ({"schedule": schedule.StepLR}, TypeError, "missing 1 required"),
    "another unit": ({"unit": "month"}, ValueError, "unit is 'month'"),
    "nothing to monitor": ({"patience": 3}, ValueError, "there is no validation_data"),
    "no patience": ({"patience": [1, 1, 0, 1], "monitor": "loss"}, ValueError, "patience is 0"),
    "min_delta below 0": (
        {"patience": 1, "min_delta": [0, 0, 0, -1], "monitor": "loss"},
        ValueError,
        "min_delta is -1",
    ),
    "mixup below 0": ({"mixup": [0, 0, 0, -1]}, ValueError, "mixup is -1"),
    "sampling of another kind": ({"sampling": 3}, TypeError, "sampling is 3"),
    "sampling beyond": ({"sampling": refuse}, ValueError, "rows reach from 67 to 67"),
    "cuts of another kind": ({"on_divergence": 3}, TypeError, "on_divergence is 3"),
    "no chosen models": ({"models": []}, ValueError, "models is empty"),
    "a model twice": ({"models": [1, 1]}, ValueError, "models names one twice"),
    "a model by two numbers": ({"models": [3, -1]}, ValueError, "models names one twice"),
    "a number": ({"models": 3}, TypeError, "models is 3"),
}
#: What is found out when other models have their schedules already.
LATE = {
    "the last": {"schedule_settings": {"start_factor": [0.1, 0.1, 0.1, -1]}},
    "an option": {"epochs": [1, 1, 1, -1]},
    "no monitor": {"monitor": "nothing", "patience": 3},
    "unit": {"unit": "month"},
}


def refused(pop, kind, options):
    before = all_of(pop)
    with pytest.raises(kind) as caught:
        pop.fit(**{"x": X, "y": Y, **options})
    assert str(caught.value).startswith("[Population.fit")
    assert_same(all_of(pop), before)
    return str(caught.value)


@pytest.mark.parametrize("name", FITS)
def test_fit(name):
    options, kind, text = FITS[name]
    assert text in refused(population(N), kind, options)


@pytest.mark.parametrize("name", LATE)
def test_schedules_of_a_fit_that_is_refused_have_set_nothing(name):
    """Neither the rates nor betas, of models whose schedules had been made."""
    refused(population(N), ValueError, {"schedule": schedule.LinearLR, **LATE[name]})
    cycle = {"max_lr": 0.1, "total_steps": [9, 9, 9, 1]}
    refused(population(N), ValueError, {"schedule": schedule.OneCycleLR, "schedule_settings": cycle})


def test_a_schedule_that_does_not_last_for_all():
    text = refused(
        population(N),
        ValueError,
        {"schedule": schedule.OneCycleLR, "schedule_settings": {"max_lr": 0.1, "total_steps": [9, 9, 2, 9]}},
    )
    assert "model 2" in text
    assert "does not last" in text


def test_the_model_is_named():
    for options in ({"epochs": [1, 1, -1, 1]}, {"mixup": [0, 0, -1, 0]}, {"patience": [1, 1, 0, 1], "monitor": "loss"}):
        assert "model 2" in refused(population(N), ValueError, options)


def test_numbers_of_models():
    pop = population(N)
    for bad, kind in (("a", TypeError), (1.5, TypeError), (slice(1), TypeError), (N, IndexError), (-N - 1, IndexError)):
        with pytest.raises(kind, match=r"\[Population\]"):
            pop[bad]
        with pytest.raises(kind, match=r"\[Population"):
            pop.drop([0, bad])
    assert pop.active == [0, 1, 2, 3]
    with pytest.raises(TypeError, match=r"\[Population.drop\] models is 3"):
        pop.drop(3)


def test_models_that_were_dropped():
    pop = population(N)
    pop.drop([1])
    assert pop.active == [0, 2, 3]
    for use in (lambda: pop[1], lambda: pop.fit(X, Y, models=[1]), lambda: pop.predict(X, models=[0, 1])):
        with pytest.raises(ValueError, match="model 1 was dropped"):
            use()
    pop.drop(pop.active)
    for use in (lambda: pop.fit(X, Y), lambda: pop.predict(X), lambda: pop.evaluate(X, Y)):
        with pytest.raises(ValueError, match="no model is left"):
            use()


def test_nothing_is_known_before_the_first_fit():
    pop = population(N)
    for use in (pop.final, pop.ranking, pop.best):
        with pytest.raises(ValueError, match="call fit"):
            use()
    with pytest.raises(KeyError, match="there is no 'loss'"):
        pop.history["loss"]
    pop.fit(X, Y)
    with pytest.raises(ValueError, match="there is no 'val_loss' in the history"):
        pop.final("val_loss")


def test_predictions():
    pop = population(N)
    for use, text in (
        (lambda: pop.predict(X, "median"), "combine is 'median'"),
        (lambda: pop.predict(X, batch_size=0), "batch_size is 0"),
        (lambda: pop.predict(X[:, 1:]), "x has 4 features"),
        (lambda: pop.outputs(X[:0]), "x has no rows"),
        (lambda: pop.evaluate(X, Y[1:]), "y has shape"),
        (lambda: pop.evaluate(X, Y, sample_weight=np.ones((3, len(X)))), "rows for 3 models"),
        (lambda: pop.predict(X, models=[0, 0]), "names one twice"),
    ):
        with pytest.raises(ValueError, match=r"^\[Population") as caught:
            use()
        assert text in str(caught.value)
    mixed = lm.Population([lambda: nn.Linear(5, 3), lambda: nn.Linear(5, 2)], loss=nn.MSELoss(), optimizer=optim.SGD)
    with pytest.raises(ValueError, match=r"different numbers of outputs: \[2, 3\]"):
        mixed.predict(X)


def test_populations_are_not_copied():
    pop = population(2)
    for use in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="take models out"):
            use(pop)
