"""Which ops of a step become one: what lies between two products runs on rows of tiles that are in cache."""

import numpy as np
import pytest

import lamella as lm
from lamella import _core, nn, optim
from lamella.nn.builder import Builder, Value


def ops(*layers):
    """Names of a step's ops, fused ones joined by +, without operands."""
    model = nn.Sequential(*layers, seed=0)
    trainer = lm.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.step(np.ones((4, 5), np.float32), np.ones((4, 2), np.float32))
    lines = str(trainer._step.program).splitlines()
    return [line.replace("|", " ").split("(")[0].strip() for line in lines if not line.endswith(":")]


def test_activation_and_dropout_both_ways():
    found = ops(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    assert found == [
        "dropout_mask",
        "linear_forward + relu_forward + dropout",
        "linear_forward",
        "squared_error",
        "linear_backward_weight",
        "linear_backward_input + dropout + relu_backward",
        "linear_backward_weight",
        "sgd_update",
        "sgd_update",
    ]


def test_an_activation_whose_input_is_saved_is_fused_too():
    found = ops(nn.Linear(5, 8), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 2))
    assert "linear_forward + gelu_forward + dropout" in found
    assert "linear_backward_input + dropout + gelu_backward" in found


def test_prediction_saves_no_input():
    # The product's own result is kept for a backward pass only: without one, the activation works in place.
    model = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 2), seed=0)
    builder = Builder(_core.DType.float32, training=False)
    model.store()
    model.emit(builder, Value(_core.Operand(_core.Arena.input), 5))
    builder.add_forward()
    builder.program.finalize()
    assert builder.program.row_elements == 8 + 2


def test_nothing_is_taken_back_through_layers_before_the_first_weights():
    data = np.arange(15.0).reshape(3, 5)
    first = [nn.Standardize.of(data), nn.Normalize(), nn.Projection.zca(data), nn.GaussianDropout(0.1), nn.Dropout(0.2)]
    for layer in [*first, *(nn.Sequential(layer) for layer in first), nn.Sequential(*first)]:
        found = ops(layer, nn.Linear(5, 2))
        assert found[found.index("squared_error") :][1:-2] == ["linear_backward_weight"]


def test_scaling_takes_the_ops_behind_it():
    data = np.arange(15.0).reshape(3, 5)
    found = ops(nn.Standardize.of(data), nn.GaussianNoise(0.1), nn.Normalize(), nn.Dropout(0.2), nn.Linear(5, 2))
    assert found[:4] == ["gaussian", "dropout_mask", "scale_columns_forward + add", "normalize_l2_forward + dropout"]


def test_masks_are_drawn_first_and_share_a_barrier():
    found = ops(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 8), nn.Dropout(0.2), nn.Linear(8, 2))
    assert found[:4] == [
        "dropout_mask",
        "dropout_mask",
        "linear_forward + tanh_forward + dropout",
        "linear_forward + dropout",
    ]


def test_batch_norm_takes_what_follows_it():
    found = ops(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    assert "batchnorm_forward + relu_forward + dropout" in found
    assert "linear_backward_input + dropout + relu_backward" in found
    assert "batchnorm_backward" in found


def test_layer_norm_takes_what_follows_it():
    found = ops(nn.Linear(5, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 2))
    assert "layernorm_forward + gelu_forward + dropout" in found
    assert "linear_backward_input + dropout + gelu_backward" in found
    assert "layernorm_backward" in found


def test_a_chain_ends_after_three():
    found = ops(nn.Linear(5, 8), nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.ReLU(), nn.Linear(8, 2))
    assert found[:2] == ["linear_forward + relu_forward + tanh_forward + sigmoid_forward", "relu_forward"]


CHAINS = {
    "relu, dropout": lambda: [nn.ReLU(), nn.Dropout(0.3)],
    "dropout, relu": lambda: [nn.Dropout(0.3), nn.ReLU()],
    "tanh, dropout": lambda: [nn.Tanh(), nn.Dropout(0.3)],
    "tanh, sigmoid": lambda: [nn.Tanh(), nn.Sigmoid()],
    "four": lambda: [nn.Tanh(), nn.Sigmoid(), nn.Tanh(), nn.ReLU()],
    "gelu, dropout": lambda: [nn.GELU(), nn.Dropout(0.3)],
    "dropout, silu": lambda: [nn.Dropout(0.3), nn.SiLU()],
    "gelu, mish, selu": lambda: [nn.GELU("tanh"), nn.Mish(), nn.SELU()],
    "leaky relu, softplus": lambda: [nn.LeakyReLU(0.2), nn.Softplus(2.0)],
    "norm, gelu": lambda: [nn.BatchNorm1d(37), nn.GELU()],
    "layer norm, silu, dropout": lambda: [nn.LayerNorm(37), nn.SiLU(), nn.Dropout(0.3)],
    "rms norm, relu": lambda: [nn.RMSNorm(37), nn.ReLU()],
    "maxout, dropout": lambda: [nn.Maxout(37, 37), nn.Dropout(0.3)],
    "norm, tanh, dropout": lambda: [nn.BatchNorm1d(37), nn.Tanh(), nn.Dropout(0.3)],
}


class Apart:
    """An identity in Python: the native part ends at it, and nothing is fused across it."""

    def forward(self, x):
        return x.copy()

    def backward(self, dy):
        return dy


@pytest.mark.parametrize("case", CHAINS)
def test_fused_or_apart_the_bits_are_the_same(case, rng, dtype):
    x, y = rng.standard_normal((53, 21)).astype(dtype), rng.standard_normal((53, 3)).astype(dtype)
    results = []
    for apart in (False, True):
        middle = CHAINS[case]()
        layers = [nn.Linear(21, 37), *middle, nn.Linear(37, 3)]
        if apart:
            layers = [part for layer in layers for part in (layer, Apart())][:-1]
        model = nn.Sequential(*layers, seed=3, dtype=dtype.name)
        model.store()
        for _, layer in model.children():  # masks are keyed by a layer's place, which the identities change
            if isinstance(layer, nn.Dropout):
                layer.settings["layer"] = 7
            if isinstance(layer, (nn.Linear, nn.Maxout)):
                draw = np.random.default_rng(layer.weight.data.shape[0])
                layer.weight.data[...] = draw.standard_normal(layer.weight.data.shape) / 5
        loss = nn.MSELoss()
        losses = []
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            losses.append(loss(model(x), y))
            model.zero_grad()
            dx = model.backward(loss.backward())
            optimizer.step()
        results.append([losses, dx, *[p.data.copy() for p in model.parameters()]])
    for fused, plain in zip(*results, strict=True):
        np.testing.assert_array_equal(fused, plain)
