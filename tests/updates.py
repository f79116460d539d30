"""Every update in float64 NumPy, straight from the papers and PyTorch's source.

Each changes its arrays in place; ``step`` counts from 1. What comes before every update is :func:`before`.
"""

import numpy as np

#: Settings that every kernel takes first, after the step.
COMMON = {"lr": 0.1, "sign": 1.0, "clip_value": np.inf, "weight_decay": 0.0, "l1": 0.0, "shrink": 0.0}


def before(value, grad, scale=None, *, lr, sign, clip_value, weight_decay, l1, shrink):
    """The gradient as the update sees it; shrinks the value."""
    g = sign * grad * (1 if scale is None else scale)
    g = np.clip(g, -clip_value, clip_value) + weight_decay * value + l1 * np.sign(value)
    value *= 1 - lr * shrink
    return g


def sgd(value, velocity, g, step, lr, momentum, dampening, nesterov):
    if velocity is not None:
        velocity[...] = g if step == 1 else momentum * velocity + (1 - dampening) * g
        g = g + momentum * velocity if nesterov else velocity
    value -= lr * g


def adagrad(value, square, g, step, lr, lr_decay, eps):
    square += g**2
    value -= lr / (1 + (step - 1) * lr_decay) * g / (np.sqrt(square) + eps)


def adadelta(value, square, change, g, step, lr, rho, eps):
    square[...] = rho * square + (1 - rho) * g**2
    d = np.sqrt(change + eps) / np.sqrt(square + eps) * g
    change[...] = rho * change + (1 - rho) * d**2
    value -= lr * d


def rmsprop(value, square, average, velocity, g, step, lr, alpha, eps, momentum):
    square[...] = alpha * square + (1 - alpha) * g**2
    variance = square
    if average is not None:
        average[...] = alpha * average + (1 - alpha) * g
        variance = square - average**2
    direction = g / (np.sqrt(variance) + eps)
    if velocity is not None:
        velocity[...] = momentum * velocity + direction
        direction = velocity
    value -= lr * direction


def lion(value, average, g, step, lr, beta1, beta2):
    value -= lr * np.sign(beta1 * average + (1 - beta1) * g)
    average[...] = beta2 * average + (1 - beta2) * g


def moments(first, second, g, beta1, beta2):
    first[...] = beta1 * first + (1 - beta1) * g
    second[...] = beta2 * second + (1 - beta2) * g**2


def adam(value, first, second, largest, g, step, lr, beta1, beta2, eps, bias_correction):
    moments(first, second, g, beta1, beta2)
    v = second
    if largest is not None:
        largest[...] = np.maximum(largest, second)
        v = largest
    up, root = (1 - beta1**step, 1 - beta2**step) if bias_correction else (1, 1)
    value -= lr / up * first / (np.sqrt(v / root) + eps)


def nadam(value, first, second, running, g, step, lr, beta1, beta2, eps, momentum_decay):
    mu = [beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(step + 2)]
    product = np.prod(mu[1 : step + 1])
    running[step % 2] = product
    moments(first, second, g, beta1, beta2)
    denominator = np.sqrt(second / (1 - beta2**step)) + eps
    value -= lr * (1 - mu[step]) / (1 - product) * g / denominator
    value -= lr * mu[step + 1] / (1 - product * mu[step + 1]) * first / denominator


def radam(value, first, second, g, step, lr, beta1, beta2, eps):
    moments(first, second, g, beta1, beta2)
    most = 2 / (1 - beta2) - 1
    length = most - 2 * step * beta2**step / (1 - beta2**step)
    m = first / (1 - beta1**step)
    if length > 5:
        c = np.sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length))
        value -= lr * m * c * np.sqrt(1 - beta2**step) / (np.sqrt(second) + eps)
    else:
        value -= lr * m


def adamax(value, first, largest, g, step, lr, beta1, beta2, eps):
    first[...] = beta1 * first + (1 - beta1) * g
    largest[...] = np.maximum(beta2 * largest, np.abs(g) + eps)
    value -= lr / (1 - beta1**step) * first / largest


def schedule_free(
    value, fast, second, running, g, step, lr, beta1, beta2, eps, decay, warmup_steps, r, weight_lr_power
):
    """As the authors' code: https://github.com/facebookresearch/schedule_free, AdamWScheduleFree.step."""
    weight_sum, lr_max = running[2 * ((step - 1) % 2) :][:2]
    rate = lr * (step / warmup_steps if step < warmup_steps else 1)
    lr_max = max(rate, lr_max)
    weight = step**r * lr_max**weight_lr_power
    weight_sum += weight
    c = weight / weight_sum if weight_sum > 0 else 0
    running[2 * (step % 2) :][:2] = weight_sum, lr_max
    if step == 1:
        fast[...] = value
    second[...] = beta2 * second + (1 - beta2) * g**2
    d = g / (np.sqrt(second / (1 - beta2**step)) + eps) + decay * value
    value += c * (fast - value)
    value += rate * (beta1 * (1 - c) - 1) * d
    fast -= rate * d


def lamb(value, first, second, g, step, lr, beta1, beta2, eps, decay, bias_correction):
    """You et al. 2020, Algorithm 2, the norms those of one parameter."""
    moments(first, second, g, beta1, beta2)
    up, root = (1 - beta1**step, 1 - beta2**step) if bias_correction else (1, 1)
    d = first / up / (np.sqrt(second / root) + eps) + decay * value
    norms = np.linalg.norm(value), np.linalg.norm(d)
    value -= lr * (norms[0] / norms[1] if min(norms) > 0 else 1) * d


def adafactor(value, state, g, step, lr, beta2_decay, eps1, eps2, d):
    """torch.optim.Adafactor; without the shrinking, whose norm is the value's before it."""
    fresh = step**beta2_decay
    alpha = max(eps2, np.sqrt((value**2).mean())) * min(lr, 1 / np.sqrt(step))
    if value.ndim == 2:
        state["row_var"] += fresh * ((g**2).mean(axis=1, keepdims=True) - state["row_var"])
        state["col_var"] += fresh * ((g**2).mean(axis=0, keepdims=True) - state["col_var"])
        variance = state["row_var"] @ state["col_var"] / max(state["row_var"].mean(), eps1)
    else:
        state["variance"] += fresh * (g**2 - state["variance"])
        variance = state["variance"]
    u = g / np.sqrt(np.maximum(variance, eps1**2))
    return alpha / max(1, np.sqrt((u**2).mean()) / d) * u


def newton_schulz(u, coefficients, steps, eps):
    a, b, c = coefficients
    x = u / max(np.linalg.norm(u), eps)
    if u.shape[0] > u.shape[1]:
        x = x.T
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if u.shape[0] > u.shape[1] else x


def muon(value, buffer, g, lr, momentum, nesterov, coefficients, eps, steps, match):
    """torch.optim.Muon without the shrinking."""
    buffer += (1 - momentum) * (g - buffer)
    u = g + momentum * (buffer - g) if nesterov else buffer
    rows, cols = value.shape
    adjusted = 0.2 * np.sqrt(max(rows, cols)) if match else np.sqrt(max(1, rows / cols))
    return lr * adjusted * newton_schulz(u, coefficients, steps, eps)
