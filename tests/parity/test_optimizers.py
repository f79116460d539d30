"""Optimizers: every option that changes the algebra."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lamella as lm  # noqa: E402
from lamella import nn, optim  # noqa: E402
from parity.twins import TIGHT, build, error, twins  # noqa: E402

NAMES = ["SGD", "RMSprop", "Adam", "AdamW", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax", "Adafactor"]
OPTIONS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.8}),
    ("RMSprop", {"lr": 0.01, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.01, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.5, 0.9)}),
    ("Adam", {"lr": 0.01, "betas": (0.0, 0.999)}),
    ("Adam", {"lr": 0.01, "betas": (0.9, 0.0)}),
    ("Adam", {"lr": 0.01, "eps": 1e-2}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.3, "amsgrad": True}),
    ("Adagrad", {"lr": 0.05}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-2}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01}),
    ("NAdam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01}),
    ("RAdam", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adamax", {"lr": 0.01}),
    ("Adamax", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.05, "beta2_decay": -0.5, "eps": (1e-4, 1e-2), "d": 1.5, "weight_decay": 0.1}),
    *((name, {"lr": 0.01, "maximize": True, "weight_decay": 0.1}) for name in NAMES),
]
OPTION_IDS = [f"{name} {' '.join(f'{k}={v}' for k, v in kwargs.items())}" for name, kwargs in OPTIONS]
STEPS = 100  # by given gradients
TRAINING = 50  # as then errors grow by the network's own sensitivity, too

#: Without a memory of squares every update has full size, whatever the gradient's rounding: no training repeats it.
TRAINABLE = [(name, options) for name, options in OPTIONS if options.get("betas") != (0.9, 0.0)]
TRAINABLE_IDS = [id for id in OPTION_IDS if "(0.9, 0.0)" not in id]


@pytest.fixture(autouse=True)
def counters_in_double():
    """Torch keeps scalars such as NAdam's product of momenta in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


# Tanh, as a step over the kink of a ReLU would turn a rounding into another network. No bias before the norm: its
# gradient is rounding and nothing else, which RMSprop and Adam scale up to steps of full size.
SMOOTH = [
    ("Linear", {"in_features": 7, "out_features": 13, "bias": False}),
    ("BatchNorm1d", {"num_features": 13}),
    ("Tanh", {}),
    ("Linear", {"in_features": 13, "out_features": 9}),
    ("Sigmoid", {}),
    ("Linear", {"in_features": 9, "out_features": 3}),
]


def optimizers(ours, theirs, name, options):
    """Both libraries' optimizers with the same options; PyTorch decays biases too."""
    return (
        getattr(optim, name)(ours.parameters(), **options, decay_bias=True),
        getattr(torch.optim, name)(theirs.parameters(), **options),
    )


def largest_error(ours, theirs):
    expected = {k: p.detach().numpy() for k, p in theirs.named_parameters()}
    return max(error(p.data, expected[k]) for k, p in ours.named_parameters())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=OPTION_IDS)
def test_optimizer_on_given_gradients(name, options, dtype):
    """Updates by the same gradients on both sides: nothing but the update's own rounding."""
    ours, theirs = twins(SMOOTH, dtype)
    optimizer, reference = optimizers(ours, theirs, name, options)
    rng = np.random.default_rng(1)
    for step in range(STEPS):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            # Growing and shrinking, so that amsgrad's maximum and the averages' memories matter.
            gradient = (np.cos(step / 5) ** 2 * rng.standard_normal(mine.shape)).astype(dtype)
            mine.grad[...] = gradient
            other.grad = torch.from_numpy(gradient)
        optimizer.step()
        reference.step()
    # float32: a hundred updates, each rounded to 6e-8 of a value near one, and so are the running averages.
    assert largest_error(ours, theirs) < (1e-12 if dtype == "float64" else 5e-6)


def torch_step(model, reference, x, y):
    reference.zero_grad()
    value = torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y))
    value.backward()
    reference.step()
    return value.item()


def batches(dtype, steps=TRAINING, seed=7):
    rng = np.random.default_rng(seed)
    for step in range(steps):
        n = (32, 17, 65, 5)[step % 4]
        yield rng.standard_normal((n, 7)).astype(dtype), rng.integers(3, size=n)


def train_both(ours, theirs, optimizer, reference):
    """The same float64 batches through Trainer.step and torch's four calls; largest error of losses and parameters."""
    trainer = lm.Trainer(ours, nn.CrossEntropyLoss(), optimizer)
    losses = [(trainer.step(x, y), torch_step(theirs, reference, x, y)) for x, y in batches("float64")]
    got, expected = np.array(losses).T
    return max(error(got, expected), largest_error(ours, theirs))


@pytest.mark.parametrize(("name", "options"), TRAINABLE, ids=TRAINABLE_IDS)
def test_training_in_float64(name, options):
    ours, theirs = twins(SMOOTH, "float64")
    assert train_both(ours, theirs, *optimizers(ours, theirs, name, options)) < TIGHT


@pytest.mark.parametrize(("name", "options"), TRAINABLE, ids=TRAINABLE_IDS)
def test_training_in_float32(name, options):
    """As near to a training in float64 as torch's float32 training is."""
    ours, theirs = twins(SMOOTH, "float32")
    exact = build(torch.nn, SMOOTH).double()
    exact.load_state_dict(theirs.state_dict())
    optimizer, reference = optimizers(ours, theirs, name, options)
    _, exact_reference = optimizers(ours, exact, name, options)
    trainer = lm.Trainer(ours, nn.CrossEntropyLoss(), optimizer)
    losses = []
    for x, y in batches("float32"):
        wide = torch_step(exact, exact_reference, x.astype(np.float64), y)
        losses.append((trainer.step(x, y), torch_step(theirs, reference, x, y), wide))
    got, single, truth = np.array(losses).T
    # Errors grow over the steps by the network's own sensitivity, the same for both libraries.
    assert error(got, truth) <= 8 * error(single, truth) + 2e-6
    truths = {k: p.detach().numpy() for k, p in exact.named_parameters()}
    singles = {k: p.detach().numpy() for k, p in theirs.named_parameters()}
    for key, parameter in ours.named_parameters():
        assert error(parameter.data, truths[key]) <= 8 * error(singles[key], truths[key]) + 2e-6, key


@pytest.mark.parametrize("name", NAMES)
def test_only_weights_decay_by_default(name):
    ours, theirs = twins(SMOOTH, "float64")
    weights = [p for p in theirs.parameters() if p.ndim == 2]
    others = [p for p in theirs.parameters() if p.ndim == 1]
    optimizer = getattr(optim, name)(ours.parameters(), lr=0.01, weight_decay=0.1)
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    assert train_both(ours, theirs, optimizer, getattr(torch.optim, name)(groups, lr=0.01)) < TIGHT


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9}, {"lr": 0.01, "weight_decay": 0.1}),
        ("RMSprop", {"lr": 0.01, "centered": True}, {"lr": 0.001, "momentum": 0.5}),
        ("Adam", {"lr": 0.01, "amsgrad": True}, {"lr": 0.001, "betas": (0.8, 0.9)}),
        ("AdamW", {"lr": 0.01, "amsgrad": True}, {"lr": 0.001, "weight_decay": 0.2}),
        (
            "NAdam",
            {"lr": 0.01, "weight_decay": 0.1},
            {"lr": 0.001, "decoupled_weight_decay": True, "weight_decay": 1.0},
        ),
        ("Adafactor", {"lr": 0.01}, {"lr": 0.05, "weight_decay": 0.1, "d": 2.0}),
    ],
)
def test_two_parameter_groups(name, first, second):
    """Groups with settings, and even slots, of their own."""
    ours, theirs = twins(SMOOTH, "float64")

    def groups(model):
        parameters = list(model.parameters())
        # Every other parameter, so that neighbours in memory belong to different groups.
        return [{"params": parameters[::2], **first}, {"params": parameters[1::2], **second}]

    optimizer = getattr(optim, name)(groups(ours), decay_bias=True)
    assert train_both(ours, theirs, optimizer, getattr(torch.optim, name)(groups(theirs))) < TIGHT


def test_a_schedule_by_groups():
    """``group["lr"] = ...`` and ``optimizer.lr = ...`` take effect at the next step, as in torch."""
    ours, theirs = twins(SMOOTH, "float64")
    optimizer, reference = optimizers(ours, theirs, "Adam", {"lr": 0.01})
    trainer = lm.Trainer(ours, nn.CrossEntropyLoss(), optimizer)
    for step, (x, y) in enumerate(batches("float64", 20)):
        if step % 2:
            optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
        else:
            optimizer.lr = 0.01 / (step + 1)
        reference.param_groups[0]["lr"] = 0.01 / (step + 1)
        assert trainer.step(x, y) == pytest.approx(torch_step(theirs, reference, x, y), rel=TIGHT)
    assert largest_error(ours, theirs) < TIGHT


# States of optimizers.


@pytest.mark.parametrize(("name", "options"), TRAINABLE, ids=TRAINABLE_IDS)
def test_optimizer_state_has_torchs_layout(name, options):
    ours, theirs = twins(SMOOTH, "float64")
    optimizer, reference = optimizers(ours, theirs, name, options)
    train_both(ours, theirs, optimizer, reference)
    state, expected = optimizer.state_dict(), reference.state_dict()
    assert [g["params"] for g in state["param_groups"]] == [g["params"] for g in expected["param_groups"]]
    for number, slots in expected["state"].items():
        assert state["state"][number]["step"] == TRAINING
        for key, value in slots.items():
            if key != "step" and value is not None:  # torch keeps no step, and None without momentum, in SGD
                # Absolute for the averages of squares of tiny gradients, which are near zero.
                assert error(state["state"][number][key], value.numpy()) < 1e-8, (number, key)


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_from_torchs_optimizer_state(name):
    """Half of the steps in torch, model and optimizer taken over, the other half in lamella."""
    options = {"SGD": {"lr": 0.05, "momentum": 0.9, "dampening": 0.5}}.get(name, {"lr": 0.01})
    ours, theirs = twins(SMOOTH, "float64")
    optimizer, reference = optimizers(ours, theirs, name, options)
    for x, y in batches("float64", 25, seed=8):
        torch_step(theirs, reference, x, y)
    ours.load_state_dict(theirs.state_dict())
    optimizer.load_state_dict(reference.state_dict())
    assert train_both(ours, theirs, optimizer, reference) < TIGHT


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), TRAINABLE, ids=TRAINABLE_IDS)
def test_optimizer_state_round_trip(name, options, dtype):
    """A new model and optimizer with the states of the old ones go on with the same bits."""

    def trainer(seed):
        model = nn.Sequential(*build(nn, SMOOTH).layers, seed=seed, dtype=dtype)
        return lm.Trainer(model, nn.CrossEntropyLoss(), getattr(optim, name)(model.parameters(), **options))

    old, new = trainer(0), trainer(1)
    for x, y in batches(dtype, 10):
        old.step(x, y)
    new.model.load_state_dict(old.model.state_dict())
    new.optimizer.load_state_dict(old.optimizer.state_dict())
    for x, y in batches(dtype, 10, seed=9):
        assert old.step(x, y) == new.step(x, y)
    for key, value in old.model.state_dict().items():
        np.testing.assert_array_equal(value, new.model.state_dict()[key], strict=True)
