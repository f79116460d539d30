"""States that are not the model's or the optimizer's are refused, and nothing of them is loaded."""

import numpy as np
import pytest

from bad_input.world import World, parameters, refuse
from lamella import nn, optim


def changed(key, value):
    return lambda w: w.model.load_state_dict({k: v + 1 for k, v in w.model.state_dict().items()} | {key: value})


def without(key):
    return lambda w: w.model.load_state_dict({k: v + 1 for k, v in w.model.state_dict().items() if k != key})


STATES = {
    "missing": (without("4.bias"), ValueError, r"another model's: missing 4.bias"),
    "missing statistics": (without("1.running_var"), ValueError, r"missing 1.running_var"),
    "missing count": (without("1.num_batches_tracked"), ValueError, r"missing 1.num_batches_tracked"),
    "unknown": (changed("5.weight", np.ones(3)), ValueError, r"unknown 5.weight"),
    "a number for a name": (changed(5, np.ones(3)), ValueError, r"unknown 5"),
    "shape": (
        changed("4.weight", np.ones((8, 3))),
        ValueError,
        r"4.weight has shape \(8, 3\) but the model's is \(3, 8\)",
    ),
    "one to broadcast": (
        changed("4.bias", np.ones(1)),
        ValueError,
        r"4.bias has shape \(1,\) but the model's is \(3,\)",
    ),
    "a number": (changed("4.bias", 0.0), ValueError, r"4.bias has shape \(\) but the model's is \(3,\)"),
    "statistics": (changed("1.running_mean", np.ones(9)), ValueError, r"1.running_mean has shape \(9,\)"),
    "text": (changed("4.bias", ["a", "b", "c"]), TypeError, r"4.bias has dtype <U1 but numbers"),
    "complex": (changed("4.bias", np.ones(3, complex)), TypeError, r"4.bias has dtype complex128"),
    "nothing": (changed("4.bias", None), (TypeError, ValueError), r"4.bias "),
    "count of two": (
        changed("1.num_batches_tracked", np.ones(2)),
        ValueError,
        r"1.num_batches_tracked has shape \(2,\)",
    ),
    "count text": (changed("1.num_batches_tracked", "many"), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count None": (changed("1.num_batches_tracked", None), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count NaN": (changed("1.num_batches_tracked", np.nan), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count infinite": (changed("1.num_batches_tracked", np.inf), (TypeError, ValueError), r"1.num_batches_tracked"),
    "count negative": (changed("1.num_batches_tracked", -1), (TypeError, ValueError), r"1.num_batches_tracked"),
    "no mapping": (lambda w: w.model.load_state_dict(None), (TypeError, ValueError), r"state is None"),
    "a list": (lambda w: w.model.load_state_dict([1, 2]), (TypeError, ValueError), r"load_state_dict"),
    "the model itself": (lambda w: w.model.load_state_dict(w.model), (TypeError, ValueError), r"load_state_dict"),
}


@pytest.mark.parametrize("case", STATES)
def test_states_of_models(case, world):
    refuse(world, *STATES[case])


def optimizer_state(edit):
    """Load a state in which everything differs from the present one, and something is wrong."""

    def call(world):
        state = world.optimizer.state_dict()
        for entry in state["state"].values():
            entry["step"] += 5
            for name in ("exp_avg", "exp_avg_sq"):
                entry[name] = entry[name] + 1
        state["param_groups"][0]["lr"] = 0.5
        world.optimizer.load_state_dict(edit(state) or state)

    return call


def edited(*path, value):
    def edit(state):
        place = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return optimizer_state(edit)


def deleted(*path):
    def edit(state):
        place = state
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return optimizer_state(edit)


WRONG = (TypeError, ValueError)
OPTIMIZER_STATES = {
    "of SGD": (lambda w: w.optimizer.load_state_dict(optim.SGD(parameters()).state_dict()), WRONG, r"parameter groups"),
    "of SGD with as many parameters": (
        lambda w: w.optimizer.load_state_dict(optim.SGD(World().model.parameters(), momentum=0.9).state_dict()),
        WRONG,
        r"exp_avg of 0.weight is missing",
    ),
    "two groups": (
        lambda w: w.optimizer.load_state_dict(
            optim.Adam(
                [{"params": World().model.parameters()[:3]}, {"params": World().model.parameters()[3:]}]
            ).state_dict()
        ),
        WRONG,
        r"other parameter groups",
    ),
    "a slot missing": (deleted("state", 5, "exp_avg_sq"), WRONG, r"exp_avg_sq of 4.bias is missing"),
    "a slot's shape": (
        edited("state", 5, "exp_avg", value=np.ones(1)),
        WRONG,
        r"exp_avg of 4.bias has shape \(1,\), not",
    ),
    "a slot of text": (edited("state", 5, "exp_avg", value=np.full(3, "a")), WRONG, r"exp_avg of 4.bias"),
    "a complex slot": (edited("state", 5, "exp_avg", value=np.ones(3, complex)), WRONG, r"exp_avg of 4.bias"),
    "a parameter missing": (deleted("state", 5), WRONG, r"4.bias"),
    "a step missing": (deleted("state", 0, "step"), WRONG, r"step"),
    "a step of text": (edited("state", 0, "step", value="two"), WRONG, r"step"),
    "a step of None": (edited("state", 0, "step", value=None), WRONG, r"step"),
    "a negative step": (edited("state", 0, "step", value=-3), WRONG, r"step"),
    "a step that is NaN": (edited("state", 0, "step", value=np.nan), WRONG, r"step"),
    "lr": (edited("param_groups", 0, "lr", value=-1), WRONG, r"lr is -1 but must be at least 0"),
    "betas": (edited("param_groups", 0, "betas", value=0.9), WRONG, r"betas is 0.9"),
    "amsgrad": (edited("param_groups", 0, "amsgrad", value=True), WRONG, r"amsgrad|max_exp_avg_sq"),
    "no params": (deleted("param_groups", 0, "params"), WRONG, r"params"),
    "no groups": (deleted("param_groups"), WRONG, r"param_groups"),
    "no state": (deleted("state"), WRONG, r"state"),
    "nothing": (lambda w: w.optimizer.load_state_dict(None), WRONG, r"state"),
    "empty": (lambda w: w.optimizer.load_state_dict({}), WRONG, r"param_groups|state"),
    "a model's": (lambda w: w.optimizer.load_state_dict(w.model.state_dict()), WRONG, r"param_groups|state"),
}


@pytest.mark.parametrize("case", OPTIMIZER_STATES)
def test_states_of_optimizers(case, world):
    refuse(world, *OPTIMIZER_STATES[case])


def test_a_state_with_momentum_does_not_load_without_a_word():
    """An optimizer that stores no velocity cannot go on where one with momentum was."""
    model = nn.Sequential(nn.Linear(6, 3))
    with_momentum = optim.SGD(model.parameters(), momentum=0.9)
    with_momentum.step()
    without_momentum = optim.SGD(model.parameters())
    with pytest.raises(ValueError, match=r"^\[SGD.load_state_dict\] .*momentum"):
        without_momentum.load_state_dict(with_momentum.state_dict())
    assert without_momentum.param_groups[0]["momentum"] == 0
