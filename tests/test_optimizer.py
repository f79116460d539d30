"""The updates against PyTorch's algebra in float64, over several steps."""

import numpy as np
import pytest

import updates
from reference import assert_same_bits, f64

#: Around vectors and the threads' grain.
COUNTS = [1, 3, 7, 16, 17, 33, 1023, 1025]
STEPS = 6

#: Settings in the order of the kernels' fields, after the common ones. An epsilon of 0.1 shows where it is added.
SGD = {"momentum": 0.0, "dampening": 0.0, "nesterov": 0.0}
RMSPROP = {"alpha": 0.9, "eps": 0.1, "momentum": 0.0}
ADAM = {"beta1": 0.9, "beta2": 0.99, "eps": 0.1, "bias_correction": 1.0}
NADAM = {"beta1": 0.9, "beta2": 0.99, "eps": 0.1, "momentum_decay": 0.5}
RADAM = {"beta1": 0.9, "beta2": 0.99, "eps": 0.1}
FREE = {"beta1": 0.9, "beta2": 0.99, "eps": 0.1, "decay": 0.0, "warmup_steps": 0.0, "r": 0.0, "weight_lr_power": 2.0}
DECAY = {"weight_decay": 0.3}
#: All that the preamble does, at values that show.
ALL = {"sign": -1.0, "clip_value": 0.7, "weight_decay": 0.3, "l1": 0.2, "shrink": 0.4}

ONE, TWO, THREE = ["slot"], ["slot", "slot"], ["slot", "slot", "slot"]

#: (update, kinds of its slots (None: not there, a number: so many running scalars), settings).
CASES = {
    "sgd": ("sgd", [None], SGD),
    "sgd_decay": ("sgd", [None], {**SGD, **DECAY}),
    "sgd_momentum": ("sgd", ONE, {**SGD, "momentum": 0.9, **DECAY}),
    "sgd_dampening": ("sgd", ONE, {**SGD, "momentum": 0.8, "dampening": 0.6}),
    "sgd_nesterov": ("sgd", ONE, {**SGD, "momentum": 0.9, "nesterov": 1.0, **DECAY}),
    "sgd_all": ("sgd", ONE, {**SGD, "momentum": 0.9, **ALL}),
    "adagrad": ("adagrad", ONE, {"lr_decay": 0.5, "eps": 0.1}),
    "adagrad_all": ("adagrad", ONE, {"lr_decay": 0.5, "eps": 0.1, **ALL}),
    "adadelta": ("adadelta", TWO, {"rho": 0.8, "eps": 0.1}),
    "adadelta_all": ("adadelta", TWO, {"rho": 0.8, "eps": 0.1, **ALL}),
    "rmsprop": ("rmsprop", ["slot", None, None], RMSPROP),
    "rmsprop_decay": ("rmsprop", ["slot", None, None], {**RMSPROP, **DECAY}),
    "rmsprop_centered": ("rmsprop", ["slot", "slot", None], RMSPROP),
    "rmsprop_momentum": ("rmsprop", ["slot", None, "slot"], {**RMSPROP, "momentum": 0.7}),
    "rmsprop_all": ("rmsprop", THREE, {**RMSPROP, "momentum": 0.7, **ALL}),
    "lion": ("lion", ONE, {"beta1": 0.9, "beta2": 0.8}),
    "lion_all": ("lion", ONE, {"beta1": 0.9, "beta2": 0.8, **ALL}),
    "adam": ("adam", ["slot", "slot", None], ADAM),
    "adam_uncorrected": ("adam", ["slot", "slot", None], {**ADAM, "bias_correction": 0.0}),
    "adam_decay": ("adam", ["slot", "slot", None], {**ADAM, **DECAY}),
    "adam_largest": ("adam", THREE, ADAM),
    "adam_all": ("adam", THREE, {**ADAM, **ALL}),
    "adamw": ("adam", ["slot", "slot", None], {**ADAM, "shrink": 0.3}),
    "nadam": ("nadam", ["slot", "slot", 2], NADAM),
    "nadam_all": ("nadam", ["slot", "slot", 2], {**NADAM, **ALL}),
    "radam": ("radam", TWO, RADAM),
    "radam_never_rectified": ("radam", TWO, {**RADAM, "beta2": 0.5}),
    "radam_all": ("radam", TWO, {**RADAM, **ALL}),
    "adamax": ("adamax", TWO, RADAM),
    "adamax_all": ("adamax", TWO, {**RADAM, **ALL}),
    "schedule_free": ("schedule_free", ["slot", "slot", 4], FREE),
    "schedule_free_warm": ("schedule_free", ["slot", "slot", 4], {**FREE, "warmup_steps": 4.0, "r": 1.5, "decay": 0.3}),
    "schedule_free_all": ("schedule_free", ["slot", "slot", 4], {**FREE, **ALL}),
}
#: A factor that all gradients are multiplied by, where the preamble is tested.
SCALE = 0.6


@pytest.fixture(params=CASES)
def case(request):
    name, slots, settings = CASES[request.param]
    return name, slots, {**updates.COMMON, **settings}


def scale_of(settings):
    return np.array([SCALE]) if settings["l1"] else None


def update(kernel, name, arrays, grad, settings, step, threads=1):
    hyper = np.array([step, *settings.values()], np.float64)
    operands = [*arrays, grad, scale_of(settings)]
    kernel(f"{name}_update", operands, 0, [grad.size], hyper, dtype=grad.dtype, threads=threads)


def refer(name, arrays, grad, settings, step):
    common = {key: settings[key] for key in updates.COMMON}
    own = {key: value for key, value in settings.items() if key not in common}
    g = updates.before(arrays[0], grad, SCALE if settings["l1"] else None, **common)
    getattr(updates, name)(*arrays, g, step, lr=settings["lr"], **own)


def start(rng, slots, count, dtype):
    """The value and its slots (None where there is none)."""
    value = rng.standard_normal(count).astype(dtype)
    made = {"slot": lambda: np.zeros(count, dtype), None: lambda: None, 2: lambda: np.ones(2), 4: lambda: np.zeros(4)}
    return [value, *(made[kind]() for kind in slots)]


def gradients(rng, count, dtype):
    """One gradient a step; smaller later, so that the largest second moment is not always the last."""
    return [(rng.standard_normal(count) * 0.6**step).astype(dtype) for step in range(STEPS)]


def train(kernel, name, arrays, grads, settings, threads=1):
    arrays = [None if a is None else a.copy() for a in arrays]
    for step, grad in enumerate(grads, 1):
        update(kernel, name, arrays, grad, settings, step, threads)
    return arrays


def test_steps(kernel, rng, dtype, case):
    name, slots, settings = case
    for count in COUNTS:
        arrays, grads = start(rng, slots, count, dtype), gradients(rng, count, dtype)
        want = f64(*arrays)
        got = train(kernel, name, arrays, grads, settings)
        for step, grad in enumerate(f64(*grads), 1):
            refer(name, want, grad, settings, step)
        # All arrays and terms are below about 4 (8: sums of squares), and no step has more than 20 roundings, each of
        # half an eps of that.
        # Dividing by a deviation enlarges errors of it at most 1 / eps = 10 times, times lr.
        size = 8 if name == "adagrad" else 4
        tolerance = STEPS * 20 * size * np.finfo(dtype).eps / 2
        for g, w in zip(got, want, strict=True):
            assert (g is None) == (w is None)
            if g is not None:
                assert abs(w).max() < 2 * size
                np.testing.assert_allclose(g, w, rtol=0, atol=tolerance)


def test_gradient_is_left_alone(kernel, rng, dtype, case):
    name, slots, settings = case
    arrays, (grad, *_) = start(rng, slots, 33, dtype), gradients(rng, 33, dtype)
    before = grad.copy()
    update(kernel, name, arrays, grad, settings, 1)
    assert_same_bits(grad, before)


def test_threads_give_the_same_bits(kernel, rng, dtype, case, threads):
    name, slots, settings = case
    for count in (1, 1025, 5001):
        arrays, grads = start(rng, slots, count, dtype), gradients(rng, count, dtype)[:2]
        many, one = (train(kernel, name, arrays, grads, settings, team) for team in (threads, 1))
        for m, o in zip(many, one, strict=True):
            if m is not None:
                assert_same_bits(m, o)


def test_any_cut_gives_the_same_bits(kernel, rng, dtype, case):
    # An element's update does not depend on how many others an op updates with it.
    name, slots, settings = case
    arrays, grads = start(rng, slots, 40, dtype), gradients(rng, 40, dtype)
    whole = train(kernel, name, arrays, grads, settings)
    for first, last in [(0, 1), (0, 7), (0, 15), (0, 17), (0, 39), (3, 36), (39, 40)]:
        some = [a[first:last] if a is not None and a.size == 40 else a for a in arrays]
        part = train(kernel, name, some, [g[first:last] for g in grads], settings)
        for p, w in zip(part, whole, strict=True):
            if p is not None and w.size == 40:
                assert_same_bits(p, w[first:last])


def test_first_momentum_is_the_gradient(kernel, dtype):
    # Without dampening, and whatever the slot held.
    value, velocity, grad = np.zeros(5, dtype), np.full(5, 9, dtype), np.arange(5, dtype=dtype)
    settings = {**updates.COMMON, **SGD, "lr": 1.0, "momentum": 0.5, "dampening": 0.5}
    update(kernel, "sgd", [value, velocity], grad, settings, 1)
    np.testing.assert_array_equal(velocity, grad)
    np.testing.assert_array_equal(value, -grad)
    update(kernel, "sgd", [value, velocity], grad, settings, 2)
    np.testing.assert_array_equal(velocity, grad)  # 0.5 g + 0.5 g
    np.testing.assert_array_equal(value, -2 * grad)


def test_first_step_of_adam_is_the_learning_rate(kernel, rng, dtype):
    # Bias correction makes it lr * sign(g), whatever the size of g.
    grad = (rng.choice([-1, 1], 50) * 10.0 ** rng.uniform(-3, 3, 50)).astype(dtype)
    arrays = [np.zeros(50, dtype), np.zeros(50, dtype), np.zeros(50, dtype), None]
    update(kernel, "adam", arrays, grad, {**updates.COMMON, **ADAM, "lr": 0.01, "eps": 0.0}, 1)
    np.testing.assert_allclose(arrays[0], -0.01 * np.sign(grad), rtol=16 * np.finfo(dtype).eps)


def test_bias_correction_vanishes(kernel, dtype):
    # After very many steps the powers of beta are 0 and nothing is NaN.
    arrays = [np.zeros(3, dtype), np.zeros(3, dtype), np.ones(3, dtype), None]
    update(kernel, "adam", arrays, np.ones(3, dtype), {**updates.COMMON, **ADAM, "lr": 1.0, "eps": 0.0}, 1e9)
    np.testing.assert_allclose(arrays[0], -0.1, rtol=16 * np.finfo(dtype).eps)


def test_no_gradient_no_change(kernel, rng, dtype, case):
    name, slots, settings = case
    settings = {**settings, "weight_decay": 0.0, "l1": 0.0, "shrink": 0.0}
    if "decay" in settings:
        settings["decay"] = 0.0
    arrays = start(rng, slots, 20, dtype)
    after = train(kernel, name, arrays, [np.zeros(20, dtype)] * STEPS, settings)
    if name == "schedule_free":  # the average of a value and itself, rounded
        np.testing.assert_allclose(after[0], arrays[0], rtol=STEPS * np.finfo(dtype).eps)
    else:
        assert_same_bits(after[0], arrays[0])


def test_what_is_not_a_number_stays_so(kernel, dtype, case):
    name, slots, settings = case
    arrays = [np.zeros(9, dtype), *start(np.random.default_rng(0), slots, 9, dtype)[1:]]
    grad = np.ones(9, dtype)
    grad[4] = np.nan
    update(kernel, name, arrays, grad, settings, 1)
    if name != "lion":  # the sign of NaN is taken for 0; its average shows it
        assert np.isnan(arrays[0][4])
    assert any(np.isnan(a[4]) for a in arrays if a is not None and a.size == 9)
    assert np.isfinite(np.delete(arrays[0], 4)).all()


def test_centered_rmsprop_survives_a_constant_gradient(kernel, rng, dtype):
    # s - a^2 is a variance: never negative, though its rounded terms cancel.
    grad = rng.standard_normal(3000).astype(dtype)
    value, square, average = (np.zeros_like(grad) for _ in range(3))
    for step in range(1, 101):
        operands = [value, square, average, None]
        update(kernel, "rmsprop", operands, grad, {**updates.COMMON, **RMSPROP, "alpha": 0.5, "eps": 1e-8}, step)
        assert np.isfinite(value).all(), f"not finite after {step} steps"
