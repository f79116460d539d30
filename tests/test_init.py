"""First values of weights: moments, structure, seeds, and what a file holds of them."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn
from lamella.nn import init

SHAPE = (150, 200)  # (out, in)


def drawn(how, shape=SHAPE, seed=0):
    return init.resolve("Test", how)(np.random.default_rng(seed), shape)


#: Variance of each, and the largest magnitude if there is one.
MOMENTS = {
    "he_normal": (2 / 200, None),
    "he_uniform": (2 / 200, np.sqrt(6 / 200)),
    "glorot_normal": (2 / 350, None),
    "glorot_uniform": (2 / 350, np.sqrt(6 / 350)),
    "lecun_normal": (1 / 200, None),
    "lecun_uniform": (1 / 200, np.sqrt(3 / 200)),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments(name):
    values = drawn(name)
    variance, most = MOMENTS[name]
    count = values.size
    assert abs(values.mean()) < 5 * np.sqrt(variance / count)  # five standard errors
    # The variance of z^2 is (kurtosis - 1) variance^2: 2 for a normal distribution, 0.8 for a uniform one.
    assert abs(values.var() / variance - 1) < 5 * np.sqrt((2 if most is None else 0.8) / count)
    if most is None:
        assert abs(values).max() > 3.5 * np.sqrt(variance)
    else:
        assert 0.999 * most < abs(values).max() <= most


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("xavier_uniform", "glorot_uniform"),
        ("xavier_normal", "glorot_normal"),
        ("kaiming_uniform", "he_uniform"),
        ("kaiming_normal", "he_normal"),
    ],
)
def test_pytorchs_names(alias, name):
    np.testing.assert_array_equal(drawn(alias), drawn(name))


def test_plain_values():
    np.testing.assert_array_equal(drawn("zeros"), np.zeros(SHAPE))
    np.testing.assert_array_equal(drawn("ones"), np.ones(SHAPE))
    np.testing.assert_array_equal(drawn(init.Constant(0.25)), np.full(SHAPE, 0.25))


def test_normal_and_uniform():
    normal = drawn(init.Normal(mean=3, std=0.5))
    assert abs(normal.mean() - 3) < 5 * 0.5 / np.sqrt(normal.size)
    assert abs(normal.std() / 0.5 - 1) < 5 * np.sqrt(0.5 / normal.size)
    uniform = drawn(init.Uniform(-1, 3))
    assert -1 <= uniform.min() < -0.999
    assert 2.999 < uniform.max() < 3
    assert abs(uniform.mean() - 1) < 5 * np.sqrt(16 / 12 / uniform.size)


@pytest.mark.parametrize(("mean", "std", "a", "b"), [(0, 1, -2, 2), (1, 0.5, 1, 1.5), (0, 1, 2, 9), (0, 5, -0.1, 0.1)])
def test_truncated_normal(mean, std, a, b):
    values = drawn(init.TruncatedNormal(mean, std, a, b))
    assert a <= values.min()
    assert values.max() <= b
    grid = np.linspace(a, b, 20_001)
    density = np.exp(-(((grid - mean) / std) ** 2) / 2)
    want = (grid * density).sum() / density.sum()
    spread = np.sqrt(((grid - want) ** 2 * density).sum() / density.sum())
    assert abs(values.mean() - want) < 5 * spread / np.sqrt(values.size)
    assert abs(values.std() / spread - 1) < 0.02


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 3), (33, 33), (1, 17)])
def test_orthogonal(shape):
    for how, gain in (("orthogonal", 1), (init.Orthogonal(1.5), 1.5), (init.Orthogonal(0), 0)):
        w = drawn(how, shape)
        assert w.shape == shape
        gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
        np.testing.assert_allclose(gram, gain**2 * np.eye(min(shape)), atol=1e-12)


def test_orthogonal_is_uniform_over_rotations():
    # QR alone favours some: its diagonal would be negative on average.
    diagonals = [np.diag(drawn("orthogonal", (3, 3), seed)) for seed in range(2000)]
    assert abs(np.mean(diagonals, axis=0)).max() < 5 / np.sqrt(3 * 2000)  # each entry has mean 0, variance 1 / 3


@pytest.mark.parametrize(
    ("inputs", "fan_in", "count"), [(15, 200, 15), (15, 7, 7), (1, 5, 1), (0.25, 40, 10), (0.01, 9, 1)]
)
def test_sparse(inputs, fan_in, count):
    w = drawn(init.Sparse(inputs, std=0.5), (300, fan_in))
    np.testing.assert_array_equal((w != 0).sum(axis=1), count)
    used = w[w != 0]
    assert abs(used.std() / 0.5 - 1) < 5 * np.sqrt(0.5 / used.size)
    if count < fan_in:  # every input has its turn
        assert (w != 0).any(axis=0).all()
        assert len({tuple(row) for row in (w != 0).tolist()}) > 1


EVERYTHING = {
    **{name: name for name in init.WEIGHTS},
    "Constant": init.Constant(0.5),
    "Normal": init.Normal(std=0.01),
    "Uniform": init.Uniform(-0.1, 0.1),
    "TruncatedNormal": init.TruncatedNormal(std=0.02, a=-0.04, b=0.04),
    "Orthogonal": init.Orthogonal(np.float32(1.5)),
    "Sparse": init.Sparse(3),
    "Sparse share": init.Sparse(0.5),
    "a function of the module": init.he_uniform,
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_files_hold_names_and_parameters(name, tmp_path):
    model = nn.Sequential(nn.Linear(5, 4, init=EVERYTHING[name]), nn.ReLU(), nn.Linear(4, 2), seed=3)
    lm.save(model, tmp_path / "model.safetensors")
    again = lm.load(tmp_path / "model.safetensors")
    assert again[0].config() == model[0].config()
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[key], value)
    # The architecture alone gives the same first values.
    fresh = nn.Sequential(nn.Linear(**again[0].config()), nn.ReLU(), nn.Linear(4, 2), seed=3)
    fresh.parameters()
    np.testing.assert_array_equal(fresh[0].weight.data, model[0].weight.data)
    lm.load(tmp_path / "model.safetensors", into=fresh)


def test_a_users_function(tmp_path):
    def ramp(rng, shape):
        return np.arange(np.prod(shape)).reshape(shape) / 10

    model = nn.Sequential(nn.Linear(3, 4, init=ramp), nn.ReLU(), nn.Linear(4, 2))
    model.parameters()
    np.testing.assert_array_equal(model[0].weight.data, ramp(None, (4, 3)).astype(np.float32))
    assert "init" not in model[0].config()
    lm.save(model, tmp_path / "model.safetensors")
    again = lm.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again[0].weight.data, model[0].weight.data)
    lm.load(tmp_path / "model.safetensors", into=model)


def test_a_function_that_fails_changes_nothing():
    part = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    x = np.ones((2, 3), np.float32)
    before = part(x)

    def fails(rng, shape):
        raise ArithmeticError("no")

    whole = nn.Sequential(part, nn.Linear(4, 2, init=fails))
    with pytest.raises(ArithmeticError, match="no"):
        whole(x)
    part[0].weight.data[...] = 0  # still the memory that part computes with
    np.testing.assert_array_equal(part(x), np.zeros_like(before))


def test_each_layer_draws_from_the_models_seed():
    def weights(seed):
        layers = [nn.Linear(6, 6, init="orthogonal"), nn.Linear(6, 6, init=init.Sparse(2))]
        model = nn.Sequential(*layers, nn.Linear(6, 6, init=init.Sparse(2)), seed=seed)
        return [parameter.data.copy() for parameter in model.parameters() if parameter.data.ndim == 2]

    first, again, other = weights(1), weights(1), weights(2)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
    assert (first[1] != first[2]).any()


#: The initialisation that a linear layer takes from the activation after it.
FOLLOWING = {
    "he_normal": [
        *(nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.ELU, nn.CELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Mish, nn.Hardswish),
    ],
    "lecun_normal": [nn.SELU],
    "glorot_uniform": [nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Softsign, nn.Hardtanh, nn.Hardsigmoid, nn.Identity],
}


@pytest.mark.parametrize("name", FOLLOWING)
def test_the_activation_decides(name):
    for activation in FOLLOWING[name]:
        model = nn.Sequential(nn.Linear(7, 9), nn.BatchNorm1d(9), activation(), nn.Linear(9, 2), seed=5)
        told = nn.Sequential(nn.Linear(7, 9, init=name), nn.Linear(9, 2, init="glorot_uniform"), seed=5)
        model.parameters()
        told.parameters()
        np.testing.assert_array_equal(model[0].weight.data, told[0].weight.data)
        assert not model[0].bias.data.any()


def test_first_weights_are_what_they_were():
    """Figures from before there were other initialisations: a seed's model must not change from version to version."""
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1), seed=7)
    found = [float(parameter.data.sum()) for parameter in model.parameters() if parameter.data.ndim == 2]
    np.testing.assert_allclose(found, WEIGHT_SUMS, rtol=1e-6)


WEIGHT_SUMS = [-0.12068779021501541, -1.3261165618896484, 0.7593410611152649]
