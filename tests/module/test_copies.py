"""Copies and pickles of models, losses and optimizers."""

import copy
import pickle

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import DTYPES, assert_same_state, data, network, plain


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_copy_of_a_used_model_goes_on_alike(duplicate, dtype):
    x, y = data()
    model = network(dtype, seed=3)
    lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters())).fit(x, y, epochs=2)
    twin = duplicate(model)
    assert repr(twin) == repr(model)
    assert twin.state_dict()["0.weight"].dtype == dtype
    assert_same_state(twin, model)
    # Dropout goes on at the same step, too.
    for each in (model, twin):
        lm.Trainer(each, nn.CrossEntropyLoss(), optim.Adam(each.parameters())).fit(x, y, epochs=2)
    assert_same_state(twin, model)
    before = model.state_dict()
    twin(x)
    twin[0].weight.data[...] = 0
    assert_same_state(before, model)


def test_a_copy_of_an_unused_model_starts_alike():
    model = network(seed=3)
    twin = copy.deepcopy(model)
    assert_same_state(model, twin)


def test_a_copy_keeps_the_mode():
    assert not copy.deepcopy(network().eval()).training


def test_a_loss_is_copied_and_pickled():
    loss = nn.CrossEntropyLoss(reduction="sum")
    loss(np.ones((2, 3)), [0, 1])
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert twin.reduction == "sum"
        assert twin(np.ones((2, 3)), [0, 1]) == loss(np.ones((2, 3)), [0, 1])


def test_an_optimizer_is_not_copied():
    """Its parameters would be another model's: the state_dict is what can be taken along."""
    optimizer = optim.SGD(plain().parameters())
    with pytest.raises(TypeError, match="state_dict"):
        copy.deepcopy(optimizer)
    with pytest.raises(TypeError, match="state_dict"):
        pickle.dumps(optimizer)
