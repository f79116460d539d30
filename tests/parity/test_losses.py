"""Values and gradients of losses."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lamella import nn  # noqa: E402
from parity.twins import TIGHT  # noqa: E402


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
