"""Exact batch-norm statistics: of the whole set, layer by layer."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import assert_same_state
from module.structures import Doubler


def trained(*layers, width=5, dtype="float64", seed=1):
    model = nn.Sequential(*layers, seed=seed, dtype=dtype)
    rng = np.random.default_rng(0)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.05))
    x = rng.standard_normal((40, width))
    outputs = model.output_width(width)
    trainer.fit(x, rng.standard_normal((40, outputs)), epochs=2, batch_size=8)
    return model


def forward(layer, x):
    """Evaluation of one layer in plain NumPy, with true statistics in place of a norm's own; they go to `seen`."""
    if isinstance(layer, nn.BatchNorm1d):
        mean, var = x.mean(axis=0), x.var(axis=0)
        forward.seen.append((mean, var))
        gamma, beta = (layer.weight.data, layer.bias.data) if layer.affine else (1, 0)
        return (x - mean) / np.sqrt(var + layer.eps) * gamma + beta
    if isinstance(layer, nn.Residual):
        return x + forward_all(layer, x)
    if isinstance(layer, nn.Sequential):
        return forward_all(layer, x)
    if isinstance(layer, nn.Concat):
        return np.concatenate([forward(branch, x) for branch in layer], axis=1)
    if isinstance(layer, nn.Dropout):
        return x * (1 - layer.p) if layer.classic else x
    if isinstance(layer, nn.PythonLayer):
        return 2 * x
    if isinstance(layer, nn.Linear):
        return x @ layer.weight.data.T.astype(np.float64) + (0 if layer.bias is None else layer.bias.data)
    return {"Tanh": np.tanh, "ReLU": lambda v: np.maximum(v, 0), "GaussianNoise": lambda v: v}[type(layer).__name__](x)


def forward_all(layers, x):
    for layer in layers:
        x = forward(layer, x)
    return x


MODELS = {
    "first": lambda: [nn.BatchNorm1d(5), nn.Linear(5, 2)],
    "two": lambda: [
        *[nn.Linear(5, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 4)],
        *[nn.BatchNorm1d(4, affine=False), nn.Tanh(), nn.GaussianNoise(0.5), nn.Linear(4, 2)],
    ],
    "classic dropout": lambda: [nn.Dropout(0.4, classic=True), nn.BatchNorm1d(5), nn.Linear(5, 2)],
    "nested": lambda: [
        nn.Sequential(nn.Linear(5, 6), nn.Sequential(nn.BatchNorm1d(6), nn.Tanh())),
        nn.Residual(nn.BatchNorm1d(6), nn.Linear(6, 6), nn.Residual(nn.BatchNorm1d(6))),
        nn.Concat(nn.BatchNorm1d(6), nn.Sequential(nn.Linear(6, 2), nn.BatchNorm1d(2)), nn.Sequential()),
        nn.BatchNorm1d(14, momentum=None),
    ],
    "python": lambda: [nn.Linear(5, 4), nn.BatchNorm1d(4), Doubler(), nn.Residual(Doubler(), nn.BatchNorm1d(4))],
}


@pytest.mark.parametrize("batch_size", [1024, 50, 7, 1])
@pytest.mark.parametrize("name", MODELS)
def test_they_are_the_true_ones(rng, name, batch_size):
    model = trained(*MODELS[name]())
    x = 3 * rng.standard_normal((150, 5)) + 2
    nn.exact_batchnorm_statistics(model, x, batch_size=batch_size)
    forward.seen = []
    want = forward_all(model, x)
    norms = [module for _, module in model.named_modules() if isinstance(module, nn.BatchNorm1d)]
    assert len(norms) == len(forward.seen)
    for norm, (mean, var) in zip(norms, forward.seen, strict=True):
        np.testing.assert_allclose(norm.running_mean.data, mean, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(norm.running_var.data, var, rtol=1e-10)
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-8, atol=1e-10)


def test_float32_sums_in_float64(rng):
    """A mean far from zero and many rows: what float32 sums, and sums of squares, get wrong."""
    x = (1000 + rng.standard_normal((200_000, 3))).astype(np.float32)
    norm = nn.BatchNorm1d(3)
    nn.exact_batchnorm_statistics(norm, x)
    exact = x.astype(np.float64)
    eps = np.finfo(np.float32).eps
    np.testing.assert_allclose(norm.running_mean.data, exact.mean(axis=0), rtol=eps)
    np.testing.assert_allclose(norm.running_var.data, exact.var(axis=0), rtol=eps)


def test_the_variance_is_the_populations_not_a_mean_of_batches():
    norm = nn.BatchNorm1d(1)
    nn.exact_batchnorm_statistics(norm, np.array([[0.0], [0.0], [10.0], [10.0]]), batch_size=2)
    assert norm.running_mean.data == 5
    assert norm.running_var.data == 25
    nn.exact_batchnorm_statistics(norm, np.array([[3.0]]))
    assert (norm.running_mean.data, norm.running_var.data) == (3, 0)


def test_all_else_stays(rng):
    model = trained(*MODELS["two"]())
    model[1].eval()
    modes = [module.training for _, module in model.named_modules()]
    before = model.state_dict()
    steps = model[3].settings["step"]
    nn.exact_batchnorm_statistics(model, rng.standard_normal((30, 5)))
    assert [module.training for _, module in model.named_modules()] == modes
    assert model[3].settings["step"] == steps
    after = model.state_dict()
    changed = [key for key in before if not np.array_equal(before[key], after[key])]
    assert changed == ["1.running_mean", "1.running_var", "5.running_mean", "5.running_var"]


def test_a_pending_backward_stays(rng):
    model, x, dy = trained(*MODELS["two"]()), rng.standard_normal((9, 5)), rng.standard_normal((9, 2))
    model(x)
    nn.exact_batchnorm_statistics(model, x)
    assert model.backward(dy).shape == x.shape


def test_a_model_without_norms_is_left_alone(rng):
    model = trained(nn.Linear(5, 2))
    before = model.state_dict()
    nn.exact_batchnorm_statistics(model, rng.standard_normal((30, 5)))
    assert_same_state(model, before)


def test_errors_leave_the_statistics(rng):
    model = trained(nn.BatchNorm1d(5), nn.Linear(5, 2), nn.BatchNorm1d(2))
    x = rng.standard_normal((30, 5))
    before = model.state_dict()
    bad = x.copy()
    bad[4, 2] = np.nan
    for wrong, message in [(bad, "NaN or infinite values in column 2"), (x[:, :3], "3 features"), (x[:0], "no rows")]:
        with pytest.raises(ValueError, match=rf"\[exact_batchnorm_statistics\] .*{message}"):
            nn.exact_batchnorm_statistics(model, wrong)
    model[1].weight.data[...] = 1e308
    before["1.weight"] = model[1].weight.data.copy()
    with pytest.raises(ValueError, match="the input of layer 2 is not finite"):
        nn.exact_batchnorm_statistics(model, x)
    assert_same_state(model, before)
    for arguments, kind in [((None, x), TypeError), ((model, x, 0), ValueError), ((model, x, 1.5), TypeError)]:
        with pytest.raises(kind, match=r"\[exact_batchnorm_statistics\]"):
            nn.exact_batchnorm_statistics(*arguments)
