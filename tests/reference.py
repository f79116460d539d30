"""Every op in float64 NumPy, straight from its formula; and how results are compared with it."""

import numpy as np


def f64(*arrays):
    """Copies in float64 (None stays None)."""
    converted = [None if a is None else np.array(a, np.float64) for a in arrays]
    return converted[0] if len(converted) == 1 else converted


def assert_within(got, want, bound):
    """|got - want| <= bound, elementwise; non-finite values must match."""
    got, want = np.broadcast_arrays(f64(got), f64(want))
    finite = np.isfinite(want)
    np.testing.assert_array_equal(np.where(finite, 0, got), np.where(finite, 0, want))
    error = np.where(finite, np.abs(got - np.where(finite, want, 0)), 0)
    bound = np.broadcast_to(f64(bound), want.shape)
    excess = ~(error <= bound)  # NaN is in excess
    if excess.any():
        with np.errstate(divide="ignore", invalid="ignore"):  # a bound may be 0
            worst = np.unravel_index(np.argmax(np.where(excess, error / bound, 0)), want.shape)
        raise AssertionError(
            f"{excess.sum()} of {excess.size} out of bounds; worst at {tuple(map(int, worst))}: "
            f"{got[worst]!r} beside {want[worst]!r}, off by {error[worst]:.3g}, allowed {bound[worst]:.3g}"
        )


def assert_same_bits(got, want):
    """The same bytes: -0 differs from 0, and NaNs compare by their bits."""
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    np.testing.assert_array_equal(np.ascontiguousarray(got).view(np.uint8), np.ascontiguousarray(want).view(np.uint8))


def sum_error(terms, dtype):
    """Relative to the sum of absolute values: the largest error of adding so many rounded terms in any order.

    (terms + 2) eps / 2, Higham's gamma to first order, with room for the product's and the last addition's rounding;
    doubled, as the reference in float64 may round as often as a float64 kernel does.
    """
    return (terms + 2) * np.finfo(dtype).eps


# Products.


def gemm(a, b, transpose_a=False, transpose_b=False):
    a, b = f64(a, b)
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


def linear_forward(x, w, b=None):
    x, w, b = f64(x, w, b)
    return x @ w + (0 if b is None else b)


def linear_backward_input(dy, w):
    dy, w = f64(dy, w)
    return dy @ w.T


def linear_backward_weight(dy, x):
    """(dw, db)."""
    dy, x = f64(dy, x)
    return x.T @ dy, dy.sum(axis=0)


# Activations, and their derivatives by the output y.


def relu(x):
    return np.maximum(f64(x), 0)


def relu_slope(y):
    return (f64(y) > 0).astype(np.float64)


def tanh(x):
    return np.tanh(f64(x))


def tanh_slope(y):
    return 1 - f64(y) ** 2


def sigmoid(x):
    e = np.exp(-np.abs(f64(x)))  # never overflows
    return np.where(f64(x) >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_slope(y):
    return f64(y) * (1 - f64(y))


# Batch normalization.


def normalise(x, mean, var, gamma, beta, eps):
    x, mean, var, gamma, beta = f64(x, mean, var, gamma, beta)
    xhat = (x - mean) / np.sqrt(var + eps)
    return xhat * (1 if gamma is None else gamma) + (0 if beta is None else beta)


def batchnorm_forward(x, gamma, beta, eps):
    """(y, mean, biased variance)."""
    x = f64(x)
    mean, var = x.mean(axis=0), x.var(axis=0)
    return normalise(x, mean, var, gamma, beta, eps), mean, var


def batchnorm_backward(dy, x, gamma, eps):
    """(dx, dgamma, dbeta), the statistics being the batch's."""
    dy, x, gamma = f64(dy, x, gamma)
    inverse_std = 1 / np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) * inverse_std
    scale = inverse_std * (1 if gamma is None else gamma)
    dx = scale * (dy - dy.mean(axis=0) - xhat * (dy * xhat).mean(axis=0))
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def batchnorm_frozen_backward(dy, x, mean, var, gamma, eps):
    """(dx, dgamma, dbeta), the statistics being constants."""
    dy, x, mean, var, gamma = f64(dy, x, mean, var, gamma)
    inverse_std = 1 / np.sqrt(var + eps)
    scale = inverse_std * (1 if gamma is None else gamma)
    return scale * dy, (dy * (x - mean) * inverse_std).sum(axis=0), dy.sum(axis=0)


# Normalization of rows.


def layernorm_forward(x, gamma, beta, eps, centred=True):
    """(y, mean, 1 / deviation) of each row."""
    x, gamma, beta = f64(x, gamma, beta)
    mean = x.mean(axis=1) if centred else np.zeros(len(x))
    centred_x = x - mean[:, None]
    inverse_std = 1 / np.sqrt((centred_x**2).mean(axis=1) + eps)
    xhat = centred_x * inverse_std[:, None]
    return xhat * (1 if gamma is None else gamma) + (0 if beta is None else beta), mean, inverse_std


def layernorm_backward(dy, x, gamma, eps, centred=True):
    """(dx, dgamma, dbeta)."""
    dy, gamma = f64(dy, gamma)
    xhat, _, inverse_std = layernorm_forward(x, None, None, eps, centred)
    g = dy * (1 if gamma is None else gamma)
    level = g.mean(axis=1, keepdims=True) if centred else 0
    dx = inverse_std[:, None] * (g - level - xhat * (g * xhat).mean(axis=1, keepdims=True))
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


# Scaling of columns by given numbers, and of rows by their norms.


def scale_columns(x, center, scale, offset=0.0):
    x, center, scale = f64(x, center, scale)
    scale = np.ones(x.shape[1]) if scale is None else scale
    return np.where(scale == 0, x - x, (x - center) / np.where(scale == 0, 1, scale)) + offset


def unscale_columns(x, center, scale, offset=0.0):
    x, center, scale = f64(x, center, scale)
    return (x - offset) * scale + center


def row_norm(x, norm):
    """Of each row, (n, 1)."""
    order = {"l1": 1, "l2": 2, "max": np.inf}[norm]
    return np.linalg.norm(f64(x), order, axis=1, keepdims=True)


def normalize_forward(x, norm, eps):
    """(y, divisor)."""
    divisor = np.maximum(row_norm(x, norm), eps)
    return f64(x) / divisor, divisor[:, 0]


def normalize_backward(dy, x, norm, eps):
    dy, x = f64(dy, x)
    y, divisor = normalize_forward(x, norm, eps)
    divisor = divisor[:, None]
    largest = abs(x) == abs(x).max(axis=1, keepdims=True)
    slope = {"l1": np.sign(x), "l2": y, "max": largest * np.sign(x) / largest.sum(axis=1, keepdims=True)}[norm]
    along = np.where(row_norm(x, norm) > eps, (dy * y).sum(axis=1, keepdims=True), 0)
    return (dy - slope * along) / divisor


# Softmax and what is like it, over rows.


def log_softmax(x):
    shifted = f64(x) - f64(x).max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(x):
    return np.exp(log_softmax(x))


def softmax_backward(dy, y):
    dy, y = f64(dy, y)
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


def log_softmax_backward(dy, y):
    dy, y = f64(dy, y)
    return dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


def hardmax(x):
    y = np.zeros(np.shape(x))
    y[np.arange(len(x)), np.argmax(x, axis=1)] = 1  # the first of equal ones, and NaN before all
    return y


# Layers with parameters that act on one value.


def prelu_forward(x, w):
    x, w = f64(x, w)
    return np.where(x > 0, x, w * x)


def prelu_backward(dy, x, w):
    """(dx, dw for each column)."""
    dy, x, w = f64(dy, x, w)
    return np.where(x > 0, dy, w * dy), np.where(x > 0, 0, x * dy).sum(axis=0)


def maxout_forward(z):
    """(y, which piece won) of (n, pieces, out)."""
    winner = np.argmax(z, axis=1)
    return np.take_along_axis(z, winner[:, None, :], axis=1)[:, 0], winner


def maxout_backward(dy, z):
    dz = np.zeros_like(z)
    np.put_along_axis(dz, np.argmax(z, axis=1)[:, None, :], dy[:, None, :], axis=1)
    return dz


# Dropout: Philox 4x32-10 in plain integers (Salmon et al. 2011).


def philox(counter, key):
    """Four random words from a counter of four words and a key of two."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, p0 >> 32 ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [k[0] + 0x9E3779B9 & 0xFFFFFFFF, k[1] + 0xBB67AE85 & 0xFFFFFFFF]
    return c


def dropout_half(element, seed, layer, step):
    """The 16 random bits that decide one element."""
    block = 8 * (element // 64) + element % 16 // 2
    counter = (block & 0xFFFFFFFF, block >> 32, layer, step)
    return philox(counter, (seed & 0xFFFFFFFF, seed >> 32))[element % 64 // 16] >> 16 * (element % 2) & 0xFFFF


def dropout_least(p, seed, layer, step):
    """The step's threshold: p 2^16, rounded up or down at random."""
    down = int(p * 2**16)
    word = philox((0xFFFFFFFF, 0xFFFFFFFF, layer, step), (seed & 0xFFFFFFFF, seed >> 32))[0]
    return down + (word < (p * 2**16 - down) * 2**32)


def dropout_kept(count, p, seed, layer, step):
    """Which of ``count`` elements are kept."""
    least = dropout_least(p, seed, layer, step)
    return np.array([dropout_half(e, seed, layer, step) >= least for e in range(count)], bool)


# Normal deviates: Box & Muller 1958 on words of Philox.


def gaussian_words(elements, seed, layer, step):
    """(radius word, angle word, whether it is the sine) of each of an array of elements."""
    elements = np.asarray(elements, np.uint64)
    block, word = 16 * (elements // 64) + elements % 16, elements % 64 // 16
    counter = (block & 0xFFFFFFFF, block >> 32, np.full_like(block, layer), np.full_like(block, step))
    words = np.stack(philox(counter, (seed & 0xFFFFFFFF, seed >> 32)))
    first, at = (word // 2 * 2).astype(int), np.arange(len(elements))
    return words[first, at], words[first + 1, at], word % 2 == 1


def gaussian(elements, seed, layer, step, dtype, kind=np.float64):
    """The deviate of each element: u is rounded to ``dtype``, all else computed in ``kind``."""
    first, second, sine = gaussian_words(elements, seed, layer, step)
    uniform = ((first >> 1).astype(dtype) / dtype(2**31) + dtype(2**-32)).astype(kind)
    # Angles from the nearest quarter turn, so that sines near zero keep their digits.
    turns = (second.astype(np.int64) + 2**29) >> 30
    angle = (second.astype(np.int64) - (turns << 30)).astype(kind) * (2 * np.arctan(kind(1)) / kind(2**30))
    near, far = np.cos(angle), np.sin(angle)
    cosine, sines = np.choose(turns % 4, [near, -far, -near, far]), np.choose(turns % 4, [far, near, -far, -near])
    return np.sqrt(-2 * np.log(uniform)) * np.where(sine, sines, cosine)


# Sparsity.


def sparsity(x, l1, kl, target):
    """(penalty, its gradient by x)."""
    x = f64(x)
    mean = np.clip(x.mean(axis=0), 1e-6, 1 - 1e-6)
    divergence = target * np.log(target / mean) + (1 - target) * np.log((1 - target) / (1 - mean))
    slope = (1 - target) / (1 - mean) - target / mean
    return l1 * abs(x).sum() / len(x) + kl * divergence.sum(), (l1 * np.sign(x) + kl * slope) / len(x)


# Losses: (loss of each row or cell, gradient of their sum).


def cross_entropy(z, target):
    z, rows = f64(z), np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dz = np.exp(log_softmax)
    dz[rows, target] -= 1
    return -log_softmax[rows, target], dz


def binary_cross_entropy(z, target):
    z, target = f64(z, target)
    return np.maximum(z, 0) - z * target + np.log1p(np.exp(-np.abs(z))), sigmoid(z) - target


def squared_error(z, target):
    z, target = f64(z, target)
    return (z - target) ** 2, 2 * (z - target)


# Losses with options: what each row or cell loses; their gradients are checked by differences and against PyTorch.


def soft_cross_entropy(z, target, weight=None, smoothing=0.0):
    """Of shares; labels are shares of one and zeros, but their class's weight is the row's."""
    z, target = f64(z, target)
    weight = np.ones(z.shape[1]) if weight is None else weight
    target = (1 - smoothing) * target + smoothing / z.shape[1]
    return -(weight * target * log_softmax(z)).sum(axis=1)


def focal(z, target, gamma, weight=None):
    log_p = log_softmax(f64(z))[np.arange(len(z)), target]
    weight = np.ones(z.shape[1]) if weight is None else weight
    return -weight[target] * np.power(-np.expm1(log_p), gamma) * log_p


def nll(z, target, weight=None):
    weight = np.ones(z.shape[1]) if weight is None else weight
    return -weight[target] * f64(z)[np.arange(len(z)), target]


def multi_margin(z, target, p, margin, weight=None):
    z, rows = f64(z), np.arange(len(z))
    weight = np.ones(z.shape[1]) if weight is None else weight
    gaps = np.maximum(margin - z[rows, target][:, None] + z, 0) ** p
    gaps[rows, target] = 0
    return weight[target] * gaps.sum(axis=1) / z.shape[1]


def weighted_binary(z, target, weight=1.0, pos_weight=1.0):
    z, target = f64(z, target)
    return weight * (pos_weight * target * np.logaddexp(0, -z) + (1 - target) * np.logaddexp(0, z))


def sigmoid_focal(z, target, gamma, alpha):
    z, target = f64(z, target)
    wrong = sigmoid(z) * (1 - target) + sigmoid(-z) * target
    balance = 1.0 if alpha is None else alpha * target + (1 - alpha) * (1 - target)
    return balance * wrong**gamma * weighted_binary(z, target)


def huber(z, target, delta):
    d = np.abs(np.subtract(*f64(z, target)))
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


def smooth_l1(z, target, beta):
    d = np.abs(np.subtract(*f64(z, target)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(d < beta, d**2 / (2 * beta), d - beta / 2)


def hinge(z, target, squared):
    return np.maximum(0, 1 - np.multiply(*f64(z, target))) ** (2 if squared else 1)


def kl_divergence(z, target, log_target):
    z, target = f64(z, target)
    if log_target:
        return np.exp(target) * (target - z)
    return np.where(target > 0, target * (np.log(np.where(target > 0, target, 1)) - z), 0)


def gaussian_nll(z, target, full, eps):
    mean, log_variance = np.split(f64(z), 2, axis=1)
    variance = np.maximum(np.exp(log_variance), eps)
    return (np.log(variance) + (mean - f64(target)) ** 2 / variance + full * np.log(2 * np.pi)) / 2


def poisson_nll(z, target, log_input, full, eps):
    z, t = f64(z, target)
    loss = np.exp(z) - t * z if log_input else z - t * np.log(z + eps)
    if full:
        above = np.where(t > 1, t, 1)
        loss += np.where(t > 1, above * np.log(above) - above + np.log(2 * np.pi * above) / 2, 0)
    return loss


def quantile(z, target, quantiles):
    miss = np.tile(f64(target), (1, len(quantiles))) - f64(z)
    level = np.repeat(quantiles, f64(target).shape[1])
    return np.maximum(level * miss, (level - 1) * miss)
