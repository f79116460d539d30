"""How settings are spread over models, and what factories may do."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.optim import schedule
from population.world import assert_same, labelled, members, population, small


def of_groups(pop, key):
    return [trainer.optimizer.param_groups[0][key] for trainer in members(pop)]


@pytest.mark.parametrize("lr", [[0.1, 0.2, 0.3], (0.1, 0.2, 0.3), np.array([0.1, 0.2, 0.3]), iter([0.1, 0.2, 0.3])])
def test_a_number_of_each(lr):
    assert of_groups(population(3, settings={"lr": lr}), "lr") == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), np.array(0.1)])
def test_a_number_of_all(lr):
    assert of_groups(population(2, settings={"lr": lr}), "lr") == [0.1, 0.1]


@pytest.mark.parametrize(
    "betas", [[(0.1, 0.2), (0.3, 0.4)], np.array([[0.1, 0.2], [0.3, 0.4]]), ([0.1, 0.2], [0.3, 0.4])]
)
def test_a_pair_of_each(betas):
    assert of_groups(population(2, settings={"betas": betas}), "betas") == [(0.1, 0.2), (0.3, 0.4)]


def test_a_pair_of_all():
    """Also where there are two models."""
    assert of_groups(population(2, settings={"betas": (0.1, 0.2)}), "betas") == [(0.1, 0.2)] * 2


def test_class_weights_of_all_and_of_each():
    three = population(3, loss_settings={"weight": [1.0, 2.0, 3.0]})
    assert [list(trainer.loss.weight) for trainer in members(three)] == [[1, 2, 3]] * 3
    own = population(2, loss_settings={"weight": np.array([[1.0, 2, 3], [4, 5, 6]])})
    assert [list(trainer.loss.weight) for trainer in members(own)] == [[1, 2, 3], [4, 5, 6]]
    some = population(2, loss_settings={"weight": [None, (4.0, 5, 6)]})
    assert members(some)[0].loss.weight is None


def test_a_loss_is_not_shared():
    """Settings of one model's are not another's, nor the given one's."""
    loss = nn.CrossEntropyLoss(label_smoothing=0.5)
    pop = population(2, loss=loss, loss_settings={"label_smoothing": [0.1, 0.2]})
    assert [trainer.loss.label_smoothing for trainer in members(pop)] == [0.1, 0.2]
    assert loss.label_smoothing == 0.5


def test_sequences_of_a_schedule_are_one_model_s():
    """Milestones are: the same for all, or a sequence of each."""
    x, y = labelled()
    for milestones, epochs in (((1, 2), [1, 1]), ([(1, 2), (3,)], [1, 3])):
        pop = population(2, settings={"lr": 1.0})
        settings = {"milestones": milestones}
        history = pop.fit(x, y, epochs=4, schedule=schedule.MultiStepLR, schedule_settings=settings)
        for rates, first in zip(history["lr"], epochs, strict=True):
            assert list(rates < 1).index(True) == first


def test_layers_by_class_and_by_place():
    def make():
        return nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 3))

    pop = population(2, make, layer_settings={"Dropout.p": [0.1, 0.2], "3.p": 0.3})
    assert [(t.model[1].p, t.model[3].p) for t in members(pop)] == [(0.1, 0.3), (0.2, 0.3)]
    pop = population(2, make, dropout=0.1)
    assert [(t.model[1].p, t.model[3].p) for t in members(pop)] == [(0.1, 0.1)] * 2


def test_seeds():
    assert population(3).seeds == [0, 1, 2]
    assert population(3, seeds=range(5, 8)).seeds == [5, 6, 7]
    assert population(3, lambda k: small(seed=10 * k)).seeds == [0, 10, 20]
    first = [trainer.model.state_dict() for trainer in members(population(2))]
    assert not np.array_equal(first[0]["0.weight"], first[1]["0.weight"])


def test_factories_in_turns():
    made = []

    def wide(k):
        made.append(k)
        return nn.Sequential(nn.Linear(5, 9), nn.Linear(9, 3))

    pop = population(5, [small, wide])
    assert made == [1, 3]
    assert [len(trainer.model) for trainer in members(pop)] == [3, 2, 3, 2, 3]
    assert len(population(None, [small, wide, small])) == 3


def test_factories_may_load_weights(tmp_path):
    """Pretrained models are as good as new ones; each is to be an object of its own."""
    state = small(seed=9).state_dict()
    lm.save(small(seed=9), tmp_path / "model")

    def loaded():
        model = small()
        model.load_state_dict(state)
        return model

    for factory in (loaded, lambda: lm.load(tmp_path / "model")):
        pop = population(2, factory)
        for trainer in members(pop):
            assert_same(trainer.model.state_dict(), state)
        pop.fit(*labelled(), epochs=1)


def test_what_it_says():
    pop = population(3)
    assert repr(pop) == f"Population(3 models of {small().num_parameters} parameters)"
    pop.drop([0])
    assert repr(pop).endswith("; 1 dropped)")
    assert len(pop) == 3
    assert [len(pop[k].state_dict()) for k in pop.active] == [4, 4]
    assert "3 models, 0 epochs" in repr(pop.history)
    assert isinstance(pop.fit(*labelled()), lm.PopulationHistory)
    assert optim.Adam(pop[1].parameters())  # a plain model
