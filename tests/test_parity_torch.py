"""The same numbers as PyTorch: state, forward, backward, running statistics, losses and optimizers.

Both libraries have the same names, so one function builds a network from either ``nn``. Errors are measured against
the largest magnitude in the array that is compared: a single cell near zero says nothing about rounding.

Float64 must agree to 1e-9: products of a hundred terms, five layers deep and divided by the deviation of a small
batch, lose a few digits of 1e-16, whereas another formula (an unbiased variance, a forgotten correction) shows in the
first five. Float32 is judged by float64: its error must be of the size of PyTorch's own float32 error.
"""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lamella as lm  # noqa: E402
from lamella import nn, optim  # noqa: E402

torch.set_num_threads(1)  # two OpenMP runtimes in one process slow each other down

WIDTHS = (1, 2, 3, 5, 7, 8, 13, 16, 17, 31, 33, 64, 65, 100)
ACTIVATIONS = ("ReLU", "Tanh", "Sigmoid")
TIGHT = 1e-9


def build(ns, spec):
    """The described network from ``lamella.nn`` or ``torch.nn``."""
    return ns.Sequential(
        *[build(ns, item) if isinstance(item, list) else getattr(ns, item[0])(**item[1]) for item in spec]
    )


def random_spec(seed):
    """(in, out, description): one to five blocks of Linear, perhaps BatchNorm1d, and an activation; perhaps nested."""
    rng = np.random.default_rng(seed)
    widths = [int(w) for w in rng.choice(WIDTHS, size=rng.integers(2, 7))]
    blocks = []
    for before, after in itertools.pairwise(widths):
        block = [("Linear", {"in_features": before, "out_features": after, "bias": bool(rng.integers(2))})]
        if rng.integers(2):
            momentum = (0.1, 0.3, None)[rng.integers(3)]
            block.append(
                ("BatchNorm1d", {"num_features": after, "momentum": momentum, "affine": bool(rng.integers(4))})
            )
        if rng.integers(5):
            block.append((ACTIVATIONS[rng.integers(3)], {}))
        blocks.append(block)
    if rng.integers(2):  # every block a Sequential of its own, the last two one level deeper
        spec = [*blocks[:-2], blocks[-2:]] if len(blocks) > 2 else blocks
    else:
        spec = [layer for block in blocks for layer in block]
    return widths[0], widths[-1], spec


def twins(spec, dtype, seed=0):
    """A torch model and a lamella model with its weights; norms get weights other than one and zero."""
    torch.manual_seed(seed)
    theirs = build(torch.nn, spec).to(getattr(torch, dtype))
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(0.5, 1.5)
    ours = nn.Sequential(*build(nn, spec).layers, dtype=dtype)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def error(got, expected, scale=0.0):
    """Largest difference, relative to the largest magnitude expected (or to ``scale`` if that is larger)."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    assert got.shape == expected.shape
    return float(np.abs(got - expected).max() / max(np.abs(expected).max(), scale, 1e-300))


def errors(got, expected):
    """Error of each array; what belongs to one layer shares a scale.

    That is for a bias before batch normalization, whose gradient is zero in exact arithmetic, and for a running mean of
    what is zero on average: both libraries have some rounding there, of the size of what was summed.
    """
    assert set(got) == set(expected)
    scales = {}
    for key, array in expected.items():
        layer = key.rpartition(".")[0]
        if layer:
            scales[layer] = max(scales.get(layer, 0.0), float(np.abs(array).max()))
    return {key: error(got[key], array, scales.get(key.rpartition(".")[0], 0.0)) for key, array in expected.items()}


def run_torch(model, x, dy):
    """Output, input gradient, parameter gradients and state after a forward and a backward."""
    tensor = torch.from_numpy(x).requires_grad_()
    model.zero_grad()
    y = model(tensor)
    y.backward(torch.from_numpy(dy))
    gradients = {f"grad of {k}": p.grad.numpy().copy() for k, p in model.named_parameters()}
    state = {k: v.numpy().copy() for k, v in model.state_dict().items() if "num_batches" not in k}
    return {"y": y.detach().numpy(), "dx": tensor.grad.numpy(), **gradients, **state}


def run_lamella(model, x, dy):
    model.zero_grad()
    y = model(x)
    dx = model.backward(dy)
    gradients = {f"grad of {k}": p.grad.copy() for k, p in model.named_parameters()}
    state = {k: v for k, v in model.state_dict().items() if "num_batches" not in k}
    return {"y": y, "dx": dx, **gradients, **state}


def batch(width, outputs, n, dtype, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, width)).astype(dtype), rng.standard_normal((n, outputs)).astype(dtype)


def has_norm(spec):
    return any(has_norm(item) if isinstance(item, list) else item[0] == "BatchNorm1d" for item in spec)


SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_state_dict_has_torchs_keys_shapes_and_order(seed):
    _, _, spec = random_spec(seed)
    ours, theirs = twins(spec, "float32", seed)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert {k: v.shape for k, v in state.items()} == {k: tuple(v.shape) for k, v in expected.items()}
    assert all(np.array_equal(state[k], expected[k].numpy()) for k in state)
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]


def test_a_torch_state_dict_loads_as_it_is():
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    ours.load_state_dict(theirs.state_dict())
    assert all(np.array_equal(v, theirs.state_dict()[k].numpy()) for k, v in ours.state_dict().items())


def test_our_state_dict_loads_into_torch():
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2), seed=3)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    ).eval()
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((9, 3)).astype(np.float32)
    assert error(ours.eval()(x), theirs(torch.from_numpy(x)).detach().numpy()) < 1e-6


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("seed", SEEDS)
def test_float64_agrees_to_rounding(seed, training):
    width, outputs, spec = random_spec(seed)
    ours, theirs = twins(spec, "float64", seed)
    ours.train(training)
    theirs.train(training)
    for n in (1, 2, 3, 8, 17, 32, 64, 65):
        if n == 1 and training and has_norm(spec):
            continue  # both refuse it
        x, dy = batch(width, outputs, n, "float64", 100 * seed + n)
        expected = run_torch(theirs, x, dy)
        found = errors(run_lamella(ours, x, dy), expected)
        assert max(found.values()) < TIGHT, (n, found)


@pytest.mark.parametrize("seed", SEEDS)
def test_float32_is_as_accurate_as_torchs(seed):
    width, outputs, spec = random_spec(seed)
    ours, theirs = twins(spec, "float32", seed)
    exact = build(torch.nn, spec).double()
    exact.load_state_dict(theirs.state_dict())
    for n in (5, 33, 65):
        x, dy = batch(width, outputs, n, "float32", 100 * seed + n)
        truth = run_torch(exact, x.astype(np.float64), dy.astype(np.float64))
        single, got = errors(run_torch(theirs, x, dy), truth), errors(run_lamella(ours, x, dy), truth)
        for key in truth:
            # Eight times: the errors are a few random roundings each, and either library may be the luckier one.
            # 2e-6 (16 units in the last place) for arrays so small that torch happened to round them exactly.
            assert got[key] <= 8 * single[key] + 2e-6, (n, key)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, None])
def test_running_statistics_over_batches_of_different_sizes(momentum, dtype):
    spec = [("BatchNorm1d", {"num_features": 7, "momentum": momentum, "eps": 1e-3})]
    ours, theirs = twins(spec, dtype)
    for n in (2, 5, 64, 33, 3):
        x, dy = batch(7, 7, n, dtype, n)
        x = 3 * x + 5
        expected, got = run_torch(theirs, x, dy), run_lamella(ours, x, dy)
        assert ours.state_dict()["0.num_batches_tracked"] == theirs.state_dict()["0.num_batches_tracked"]
        for key in ("0.running_mean", "0.running_var"):
            assert error(got[key], expected[key]) < (TIGHT if dtype == "float64" else 2e-6)
    x, dy = batch(7, 7, 4, dtype, 0)
    ours.eval()
    theirs.eval()
    expected, got = run_torch(theirs, x, dy), run_lamella(ours, x, dy)
    assert max(error(got[k], expected[k]) for k in got) < (TIGHT if dtype == "float64" else 5e-6)


def test_a_norm_that_is_frozen_by_itself():
    """``model[1].eval()`` in a model that trains: the usual way to fine-tune."""
    spec = [("Linear", {"in_features": 5, "out_features": 4}), ("BatchNorm1d", {"num_features": 4})]
    ours, theirs = twins(spec, "float64")
    for model in (ours, theirs):
        model.train()
        model[1].eval()
    x, dy = batch(5, 4, 9, "float64", 0)
    found = errors(run_lamella(ours, x, dy), run_torch(theirs, x, dy))
    assert max(found.values()) < TIGHT, found


# Losses.


def loss_case(kind, n, width, dtype, seed, scale):
    rng = np.random.default_rng(seed)
    outputs = (scale * rng.standard_normal((n, width))).astype(dtype)
    if kind == "CrossEntropyLoss":
        return outputs, rng.integers(width, size=n)
    if kind == "BCEWithLogitsLoss":
        return outputs, rng.choice([0.0, 1.0, 0.3], size=(n, width)).astype(dtype)
    return outputs, rng.standard_normal((n, width)).astype(dtype)


@pytest.mark.parametrize("scale", [1.0, 100.0], ids=["logits", "large logits"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("kind", ["CrossEntropyLoss", "BCEWithLogitsLoss", "MSELoss"])
def test_losses(kind, reduction, dtype, scale):
    # float32: the loss of logits near 100 is a difference of numbers near 100, of a few units in the last place.
    allowed = TIGHT if dtype == "float64" else 5e-6
    for n, width in ((1, 1), (1, 5), (2, 17), (7, 3), (33, 16), (65, 10), (5, 100)):
        outputs, target = loss_case(kind, n, width, dtype, n, scale)
        tensor = torch.from_numpy(outputs).requires_grad_()
        expected = getattr(torch.nn, kind)(reduction=reduction)(tensor, torch.from_numpy(target))
        expected.backward()
        loss = getattr(nn, kind)(reduction=reduction)
        value = loss(outputs, target)
        # Cross-entropy over one class is zero.
        assert value == pytest.approx(expected.item(), rel=allowed, abs=allowed)
        gradient = loss.backward()
        assert gradient.dtype == outputs.dtype
        assert np.abs(gradient - tensor.grad.numpy()).max() <= allowed * max(1.0, float(tensor.grad.abs().max()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shift", [-3000.0, -700.0, -100.0, 100.0, 700.0, 3000.0])
def test_cross_entropy_does_not_see_a_shift(shift, dtype):
    """All logits far below or above zero: e^z alone would be zero or infinite."""
    for width in (1, 2, 3, 7, 8, 15, 16, 17, 33, 100):
        # Eighths: a shift of thousands moves them without rounding.
        outputs = np.random.default_rng(width).integers(-40, 40, size=(5, width)).astype(dtype) / 8
        target = np.arange(5) % width
        results = []
        for logits in (outputs, outputs + np.dtype(dtype).type(shift)):
            loss = nn.CrossEntropyLoss()
            results.append((loss(logits, target), loss.backward()))
        # As the reduction begins by taking the largest logit off, what follows is the same.
        assert results[0][0] == pytest.approx(results[1][0], rel=1e-6 if dtype == "float32" else 1e-14)
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("kind", ["BCEWithLogitsLoss", "MSELoss"])
def test_one_output_takes_flat_targets(kind):
    outputs, target = loss_case(kind, 9, 1, "float64", 0, 1.0)
    loss = getattr(nn, kind)()
    assert loss(outputs, target[:, 0]) == loss(outputs, target)


# Optimizers: every option that changes the algebra.

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
]
OPTION_IDS = [f"{name} {' '.join(f'{k}={v}' for k, v in kwargs.items())}" for name, kwargs in OPTIONS]
STEPS = 50

#: Without a memory of squares every update has full size, whatever the gradient's rounding: no training repeats it.
TRAINABLE = [(name, options) for name, options in OPTIONS if options.get("betas") != (0.9, 0.0)]
TRAINABLE_IDS = [id for id in OPTION_IDS if "(0.9, 0.0)" not in id]

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
    decay = {"decay_bias": True} if "weight_decay" in options else {}
    return (
        getattr(optim, name)(ours.parameters(), **options, **decay),
        getattr(torch.optim, name)(theirs.parameters(), **options),
    )


def largest_error(ours, theirs):
    expected = {k: p.detach().numpy() for k, p in theirs.named_parameters()}
    return max(error(p.data, expected[k]) for k, p in ours.named_parameters())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=OPTION_IDS)
def test_optimizer_on_given_gradients(name, options, dtype):
    """Fifty updates by the same gradients on both sides: nothing but the update's own rounding."""
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
    # float32: fifty updates, each rounded to 6e-8 of a value near one, and so are the running averages.
    assert largest_error(ours, theirs) < (1e-12 if dtype == "float64" else 5e-6)


def torch_step(model, reference, x, y):
    reference.zero_grad()
    value = torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y))
    value.backward()
    reference.step()
    return value.item()


def batches(dtype, steps=STEPS, seed=7):
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


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam"])
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
        assert state["state"][number]["step"] == STEPS
        for key, value in slots.items():
            if key != "step" and value is not None:  # torch keeps no step, and None without momentum, in SGD
                # Absolute for the averages of squares of tiny gradients, which are near zero.
                assert error(state["state"][number][key], value.numpy()) < 1e-8, (number, key)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam"])
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
