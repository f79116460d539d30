"""Every loss with every option that changes its algebra, against PyTorch's, or its formula by PyTorch's autograd."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from loss_cases import CASES  # noqa: E402
from parity.twins import TIGHT  # noqa: E402

F = torch.nn.functional

#: Losses of outputs that may be large.
LOGITS = [
    name
    for name, case in CASES.items()
    if case.outputs == "values" and case.kind not in ("PoissonNLLLoss", "GaussianNLLLoss")
]

SHAPES = ((1, 3), (2, 17), (7, 4), (33, 16), (5, 100))


def focal(z, y, s):
    log_p = torch.log_softmax(z, dim=1)
    entropy = F.nll_loss(log_p, y, s.get("weight"), ignore_index=s.get("ignore_index", -100), reduction="none")
    p = log_p.gather(1, y.clamp(min=0)[:, None])[:, 0].exp()
    return (1 - p) ** s.get("gamma", 2.0) * entropy


def sigmoid_focal(z, y, s):
    gamma, alpha = s.get("gamma", 2.0), s.get("alpha", 0.25)
    p, entropy = torch.sigmoid(z), F.binary_cross_entropy_with_logits(z, y, reduction="none")
    loss = entropy * (p * (1 - y) + (1 - p) * y) ** gamma  # 1 - p_t, as in torchvision
    return loss if alpha is None else (alpha * y + (1 - alpha) * (1 - y)) * loss


def hinge(z, y, s):
    return torch.relu(1 - y * z) ** (2 if s.get("squared") else 1)


def quantile(z, y, s):
    levels = torch.tensor(s["quantiles"], dtype=z.dtype).repeat_interleave(y.shape[1])
    miss = y.repeat(1, len(s["quantiles"])) - z
    return torch.maximum(levels * miss, (levels - 1) * miss)


def gaussian(z, y, s):
    mean, log_variance = z.chunk(2, dim=1)
    return torch.nn.GaussianNLLLoss(**s, reduction="none")(mean, y, log_variance.exp())


def half_squares(z, y, s):
    return F.mse_loss(z, y, reduction="none") * (0.5 if s.get("half") else 1)


#: What PyTorch has not, or has otherwise: losses of rows or cells.
FORMULAS = {
    "FocalLoss": focal,
    "SigmoidFocalLoss": sigmoid_focal,
    "HingeLoss": hinge,
    "QuantileLoss": quantile,
    "GaussianNLLLoss": gaussian,
    "MSELoss": half_squares,
}


def theirs(case, width, tensor, target, reduction):
    """PyTorch's loss; by formula where it has a formula alone, whose mean is over all (weights of classes apart)."""
    settings = {key: make(width) if callable(make) else make for key, make in case.settings.items()}
    for key in ("weight", "pos_weight"):
        if settings.get(key) is not None:
            settings[key] = torch.from_numpy(settings[key]).to(tensor.dtype)
    if case.kind not in FORMULAS:
        return getattr(torch.nn, case.kind)(**settings, reduction=reduction)(tensor, target)
    losses = FORMULAS[case.kind](tensor, target, settings)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if case.kind != "FocalLoss":
        return losses.mean()
    weight = settings.get("weight", torch.ones(width, dtype=tensor.dtype))
    return losses.sum() / weight[target[target >= 0]].sum()


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "scale"), [*((name, 1.0) for name in CASES), *((name, 20.0) for name in LOGITS)])
def test_values_and_gradients(name, reduction, dtype, scale):
    case = CASES[name]
    # float32: each library rounds differences of such numbers in a way of its own.
    allowed = TIGHT if dtype == "float64" else 4e-6
    for n, width in SHAPES:
        rng = np.random.default_rng(n)
        z, y = case.draw(rng, n, width, np.dtype(dtype), spread=scale)
        if y.ndim == 1:
            y[0] = 1  # one row counts, or PyTorch has 0/0
            y[0] += y[0] == case.settings.get("ignore_index")
        tensor = torch.from_numpy(z).requires_grad_()
        expected = theirs(case, width, tensor, torch.from_numpy(y), reduction)
        upstream = rng.standard_normal(tuple(expected.shape)).astype(dtype)
        (expected * torch.from_numpy(np.asarray(upstream))).sum().backward()
        loss = case.make(width, reduction=reduction)
        value = loss(z, y)
        want = expected.detach().numpy()
        assert np.shape(value) == want.shape
        assert np.abs(value - want).max() <= allowed * max(1.0, np.abs(want).max())
        gradient = loss.backward(upstream)
        assert gradient.dtype == z.dtype
        slopes = tensor.grad.numpy()
        # Autograd has 0 times infinity in a power below 1 of a 1 - p that rounds to 0.
        known = np.isfinite(slopes) if name == "focal weight" else np.ones(slopes.shape, bool)
        assert known.sum() > 0
        assert np.abs(gradient - slopes)[known].max() <= allowed * max(1.0, np.abs(slopes[known]).max())
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["kl", "kl logs"])
def test_batchmean(name):
    case, rng = CASES[name], np.random.default_rng(0)
    z, y = case.draw(rng, 9, 5, np.dtype(np.float64))
    loss = case.make(5, reduction="batchmean")
    want = torch.nn.KLDivLoss(reduction="batchmean", **case.settings)(torch.from_numpy(z), torch.from_numpy(y))
    assert loss(z, y) == pytest.approx(want.item(), rel=TIGHT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_variance_below_eps(dtype):
    """The value sees the bound on the variance, the gradient passes through it."""
    z = np.array([[0.5, -20.0], [1e-4, -14.5], [0.5, 3.0]], dtype)
    y = np.array([[0.4], [0.0], [0.1]], dtype)
    case, tensor = CASES["gaussian"], torch.from_numpy(z).requires_grad_()
    expected = theirs(case, 1, tensor, torch.from_numpy(y), "sum")
    expected.backward()
    loss = case.make(1, reduction="sum")
    allowed = TIGHT if dtype == "float64" else 1e-5
    assert loss(z, y) == pytest.approx(expected.item(), rel=allowed)
    np.testing.assert_allclose(loss.backward(), tensor.grad.numpy(), rtol=allowed)


INF = np.inf
SPECIAL = {  # where PyTorch's answer is defined
    "ce": ([[0, -INF, 0], [INF, 0, 0], [-INF, 1, 2], [1e30, 0, 0]], [0, 1, 2, 1]),
    "ce weight": ([[0, -INF, 0], [-INF, 1, 2], [1e30, 0, 0]], [0, 2, 1]),
    "ce smoothing": ([[0, -INF, 0], [1e30, 0, 0], [-1e30, 0, 0]], [0, 1, 1]),
    "focal": ([[0, -INF, 0], [-INF, 1, 2], [500, 0, 0], [0, 500, 0]], [0, 2, 1, 1]),
    "nll": ([[-INF, 0, -1], [-1, -INF, 0]], [0, 2]),
    "margin": ([[INF, 0, 0], [0, INF, 0], [-INF, 0, 0], [0, -INF, 0]], [0, 0, 1, 0]),
    "bce": ([[INF, -INF, 1e30], [-INF, INF, -1e30]], [[0, 1, 1], [1, 0, 0]]),
    "bce pos_weight": ([[1e30, -1e30, 300], [-1e30, 1e30, -300]], [[1, 0, 1], [0, 1, 0]]),
    "sigmoid focal": ([[500, -500, 80], [-500, 500, -80]], [[1, 0, 0], [0, 1, 1]]),
    "hinge": ([[INF, -INF, 0], [-INF, INF, 1]], [[1, -1, 1], [1, -1, 1]]),
    "mse": ([[INF, 0, 1e20]], [[0, -INF, 0]]),
    "l1": ([[INF, 0, -INF]], [[0, -INF, 0]]),
    "huber": ([[INF, 0, -INF]], [[0, -INF, 0]]),
    "smooth l1": ([[INF, 0, -INF]], [[0, -INF, 0]]),
    "kl": ([[-INF, 0, -1]], [[0.5, 0.5, 0]]),
    "poisson": ([[INF, -INF, 100]], [[1, 0, 1e5]]),
    "poisson rates": ([[0, INF, 0]], [[0, 1, 2]]),
    "one quantile": ([[INF, -INF, 0]], [[0, 0, 1]]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SPECIAL)
def test_infinities_and_huge_outputs(name, dtype):
    case = CASES[name]
    z, y = (np.array(part) for part in SPECIAL[name])
    z, y = z.astype(dtype), y.astype(np.int64 if y.ndim == 1 else dtype)
    with np.errstate(all="ignore"):
        expected = theirs(case, 3, torch.from_numpy(z), torch.from_numpy(y), "none").numpy()
    found = case.make(3, reduction="none")(z, y)
    wanted = ~np.isnan(expected)  # 0 times infinity, where these kernels take the limit
    assert wanted.any()
    np.testing.assert_allclose(found[wanted], expected[wanted], rtol=4e-6 if dtype == "float32" else 1e-12, atol=1e-30)
