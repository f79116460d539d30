"""Settings drawn from a space, and who takes them."""

import numpy as np
import pytest

from lamella import nn, optim, space
from lamella.tuning.draw import Given, Space
from lamella.tuning.routing import Routing

from .world import SPACE, network


def drawn(entries, count=20, seed=3):
    return [Space(entries, "search").draw(seed, number) for number in range(count)]


def test_a_draw_is_a_function_of_seed_and_number():
    assert drawn(SPACE) == drawn(SPACE)
    assert drawn(SPACE, 20) == drawn(SPACE, 30)[:20]
    assert drawn(SPACE, seed=3)[0] != drawn(SPACE, seed=4)[0]
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([3, 7])))
    assert drawn({"lr": space.Uniform(0, 1)})[7] == {"lr": generator.random()}


def test_entries_of_all_kinds():
    for settings in drawn(SPACE):
        assert list(settings) == list(SPACE)
        assert settings["activation"] in (nn.Tanh, nn.ReLU)
        assert 0.7 <= settings["betas"][0] <= 0.98
        assert settings["betas"][1] == 0.99
    assert drawn({"lr": 0.1, "betas": (0.9, 0.99)})[0] == {"lr": 0.1, "betas": (0.9, 0.99)}


def test_narrowed_space_draws_among_the_best():
    narrow = Space(SPACE, "search").narrowed(
        [
            {"width": 5, "activation": nn.ReLU, "lr": 0.01, "dropout": 0.1, "betas": (0.8, 0.99), "batch_size": 8},
            {"width": 7, "activation": nn.ReLU, "lr": 0.02, "dropout": 0.2, "betas": (0.9, 0.99), "batch_size": 16},
        ]
    )
    settings = [narrow.draw(0, number) for number in range(50)]
    assert {own["activation"] for own in settings} == {nn.ReLU}
    assert {own["batch_size"] for own in settings} == {8, 16}
    assert all(0.005 < own["lr"] < 0.04 for own in settings)
    assert all(0.7 < own["betas"][0] < 0.95 and own["betas"][1] == 0.99 for own in settings)


def test_given_settings_are_tried_as_they_are():
    settings = [{"lr": 0.1, "betas": (0.9, 0.99)}, {"lr": 0.1, "betas": (0.8, 0.99), "width": 3}]
    given = Given(settings, "search")
    assert [given.draw(0, 0), given.draw(0, 1)] == settings
    assert list(given.columns) == ["betas[0]"]


def routing(factory=network, optimizer=optim.SGD, loss=None, schedule=None):
    return Routing(factory, optimizer, nn.CrossEntropyLoss() if loss is None else loss, schedule, "search")


def test_names_go_to_who_takes_them():
    routed = routing(schedule=optim.StepLR).route(
        {
            "width": 1,
            "lr": 2,
            "max_norm": 3,
            "label_smoothing": 4,
            "step_size": 5,
            "batch_size": 6,
            "dropout": 7,
            "2.p": 8,
        }
    )
    assert vars(routed) == {
        "model": {"width": 1},
        "optimizer": {"lr": 2, "max_norm": 3},
        "loss": {"label_smoothing": 4},
        "schedule": {"step_size": 5},
        "fit": {"batch_size": 6},
        "layers": {"Dropout.p": 7, "2.p": 8},
    }


def test_the_factory_comes_first_and_prefixes_before_all():
    taker = routing(factory=lambda dropout, lr: None)
    assert taker.route({"dropout": 1, "lr": 2}).model == {"dropout": 1, "lr": 2}
    assert taker.route({"optimizer.lr": 2, "model.lr": 3}).optimizer == {"lr": 2}


def test_what_nobody_names_goes_to_who_takes_anything():
    taker = routing(factory=lambda **settings: None)
    routed = taker.route({"width": 1, "lr": 2, "dropout": 3})
    assert routed.model == {"width": 1, "dropout": 3}
    assert routed.optimizer == {"lr": 2}


@pytest.mark.parametrize(
    ("arguments", "names", "message"),
    [
        (
            {},
            ["width", "rate"],
            r"\[search\] space has 'rate', which nobody takes: factory: width, .*; optimizer \(SGD\)",
        ),
        ({}, ["lr"], r"\[search\] factory needs 'width', which is not in the space"),
        (
            {"loss": nn.FocalLoss(), "schedule": optim.StepLR},
            ["width", "gamma"],
            r"'gamma', which loss \(FocalLoss\) and schedule \(StepLR\) take: say 'loss.gamma' or 'schedule.gamma'",
        ),
        ({}, ["width", "loss.lr"], r"space has 'loss.lr' but loss \(CrossEntropyLoss\) takes weight"),
        ({}, ["width", "schedule.gamma"], r"space has 'schedule.gamma' but schedule \(NoneType\) takes nothing"),
    ],
)
def test_names_that_do_not_fit(arguments, names, message):
    with pytest.raises(ValueError, match=message):
        routing(**arguments).check(names)
