"""Models that diverge, are stopped or dropped, beside others."""

import warnings

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from population.techniques import VALUES, Case, X, flat, net
from population.world import assert_same, labelled, members, population

pytestmark = pytest.mark.usefixtures("restore_threads")

SOME_DIVERGE = Case(
    factory=lambda k: net(["float32", "float64"][k == 3]),
    loss=nn.MSELoss,
    optimizer=optim.SGD,
    settings=lambda k: {"lr": [1e-3, 1e30, 1e-2, 1e200, 1e-1][k % 5]},
    y=VALUES,
    fit={"epochs": 6},
    held_out=lambda k: (X, VALUES),
)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_others_keep_their_bits(threads):
    """What is NaN in buffers lent from model to model goes no further; those that diverge have the bits they alone."""
    lm.set_num_threads(threads)
    with pytest.warns(UserWarning, match=r"2 of 5 models diverged and are left out: 1, 3; one of them"):
        found = SOME_DIVERGE.together(5)
    for k in (0, 2, 4):
        assert_same(flat(found[k]), flat(SOME_DIVERGE.alone(k)))
        assert np.isfinite(found[k].history["val_loss"]).all()
        assert found[k].history.epochs == 6


def diverging(n=4, bad=(1, 3)):
    rates = [1e30 if k in bad else 0.01 for k in range(n)]
    return population(
        n, lambda: nn.Sequential(nn.Linear(5, 3)), loss=nn.MSELoss(), optimizer=optim.SGD, settings={"lr": rates}
    )


def test_it_is_told_and_left_out():
    pop = diverging()
    with pytest.warns(UserWarning, match="diverged") as caught:
        history = pop.fit(X, VALUES, epochs=5)
    assert caught[0].filename == __file__
    assert sorted(history.diverged) == [1, 3] == sorted(pop.diverged)
    assert "the loss became" in pop.diverged[1]
    assert "model 1" in pop.diverged[1]
    assert pop.active == [0, 2]
    assert sorted(pop.ranking()) == [0, 2]
    assert np.isnan(pop.final()).tolist() == [False, True, False, True]
    assert repr(pop).endswith("; 2 diverged)")
    assert "2 diverged" in repr(history)
    assert pop.outputs(X).shape == (2, len(X), 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pop.fit(X, VALUES, epochs=2)["loss"].shape == (2, 2)
    with pytest.raises(ValueError, match="model 3 has diverged"):
        pop.fit(X, VALUES, models=[0, 3])
    with pytest.raises(ValueError, match="model 3 has diverged"):
        pop.predict(X, models=[3])
    assert isinstance(pop[3], nn.Sequential)  # to be looked at


def test_if_all_diverge_it_is_an_error():
    pop = diverging(2, bad=(0, 1))
    with pytest.raises(lm.DivergenceError, match=r"\[Population.fit\] all 2 models diverged; one of them"):
        pop.fit(X, VALUES, epochs=5)
    assert pop.active == []


@pytest.mark.parametrize("options", [{}, {"patience": 3, "monitor": "loss"}, {"on_divergence": lm.CutOnDivergence()}])
def test_what_diverges_is_as_it_is_alone(options):
    """Its last weights and history: nothing is restored."""
    own = nn.Sequential(nn.Linear(5, 3), seed=1)
    trainer = lm.Trainer(own, nn.MSELoss(), optim.SGD(own.parameters(), lr=1e38))
    with pytest.raises(lm.DivergenceError):
        trainer.fit(1e20 * X, VALUES, epochs=9, batch_size=67, **options)
    pop = population(
        2, lambda: nn.Sequential(nn.Linear(5, 3)), loss=nn.MSELoss(), optimizer=optim.SGD, settings={"lr": 1e38}
    )
    with pytest.raises(lm.DivergenceError):
        pop.fit(1e20 * X, VALUES, epochs=9, batch_size=67, **options)
    assert_same(flat(members(pop)[1]), flat(trainer))


def test_on_epoch_stops_a_model():
    pop = population(4)
    history = pop.fit(*labelled(), epochs=6, on_epoch=lambda model, epoch, record: epoch == model)
    assert [h.epochs for h in history.histories] == [1, 2, 3, 4]
    assert history.stopped == ["on_epoch"] * 4
    assert np.isnan(history["loss"]).sum(axis=1).tolist() == [3, 2, 1, 0]


def test_on_epoch_is_told_the_record():
    seen = {}
    lm.set_num_threads(3)
    history = population(4).fit(
        *labelled(), epochs=3, on_epoch=lambda model, epoch, record: seen.update({(model, epoch): record["loss"]})
    )
    assert seen == {(k, e): history["loss"][k, e] for k in range(4) for e in range(3)}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("error", [KeyError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_what_on_epoch_raises_comes_out(threads, error):
    """All models are usable, and their histories as long as they were trained."""
    lm.set_num_threads(threads)
    pop = population(5)

    def fail(model, epoch, record):
        if (model, epoch) == (2, 1):
            raise error

    with pytest.raises(type(error)):
        pop.fit(*labelled(), epochs=10**6 if threads > 1 else 3, on_epoch=fail)
    epochs = [h.epochs for h in pop.history.histories]
    assert epochs[2] == 2
    again = population(5)
    again.fit(*labelled(), epochs=epochs)
    for one, other in zip(members(pop), members(again), strict=True):
        if one.history.epochs in (0, 2, 3):  # others were in the middle of an epoch
            assert one.history.get("loss", []) == other.history.get("loss", [])
    assert pop.fit(*labelled(), epochs=1)["loss"].shape == (5, 1)


def test_models_dropped_in_on_epoch_stop():
    """Their share of the work goes to the others."""
    pop = population(3)

    def drop(model, epoch, record):
        if epoch == 1:
            pop.drop([model] if model == 1 else [])

    history = pop.fit(*labelled(), epochs=5, on_epoch=drop)
    assert [h.epochs for h in history.histories] == [5, 2, 5]
    assert pop.active == [0, 2]


def test_a_model_dropped_meanwhile_stays_dropped():
    """One that diverges after another one's on_epoch has dropped it."""
    pop = diverging(2, bad=(1,))
    before = pop._members[1].trainer
    pop.drop([1])
    pop._members[1].diverge("late")
    assert pop._members[1].out == "dropped"
    assert pop.diverged == {}
    assert "1 dropped" in repr(pop)
    assert before.history.epochs == 0


def test_some_models_alone():
    """Settings are still a sequence of all models."""
    pop, whole = population(4), population(4)
    pop.fit(*labelled(), epochs=[1, 2, 3, 4], models=[3, 1])
    whole.fit(*labelled(), epochs=[1, 2, 3, 4])
    assert [h.epochs for h in pop.history.histories] == [0, 2, 0, 4]
    for k in (1, 3):
        assert_same(flat(members(pop)[k]), flat(members(whole)[k]))
