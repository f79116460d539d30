"""The step in NumPy by hand: BLAS products, preallocated nothing, as one would write it in an afternoon."""

from collections.abc import Callable

import numpy as np

from lamella.bench.workloads import Array, Workload


def make(workload: Workload, threads: int) -> Callable[[Array, Array], float]:
    """Forward, loss, backward and update; threads are the BLAS's, set before NumPy is imported."""
    dense = [(w.T.copy(), b.copy()) for w, b in workload.weights()]
    hidden, dropout = workload.hidden, workload.dropout
    norms = [(np.ones(w.shape[1], np.float32), np.zeros(w.shape[1], np.float32)) for w, _ in dense[:hidden]]
    parameters = [p for pair in dense for p in pair] + ([p for pair in norms for p in pair] * workload.batch_norm)
    slots = [[np.zeros_like(p) for p in parameters] for _ in range(2)]
    running = [[np.zeros(w.shape[1], np.float32), np.ones(w.shape[1], np.float32)] for w, _ in dense[:hidden]]
    rng = np.random.default_rng(0)
    count = 0

    def update(gradients: list[Array]) -> None:
        nonlocal count
        count += 1
        for p, g, a, b in zip(parameters, gradients, *slots, strict=True):
            if workload.optimizer == "sgd":
                a *= 0.9
                a += g
                p -= np.float32(1e-3) * a
            elif workload.optimizer == "rmsprop":
                a *= np.float32(0.99)
                a += np.float32(0.01) * g * g
                p -= np.float32(1e-4) * g / (np.sqrt(a) + np.float32(1e-8))
            else:
                a *= np.float32(0.9)
                a += np.float32(0.1) * g
                b *= np.float32(0.999)
                b += np.float32(0.001) * g * g
                rate = np.float32(1e-4 / (1 - 0.9**count))
                scale = np.float32(1 / np.sqrt(1 - 0.999**count))
                p -= rate * a / (np.sqrt(b) * scale + np.float32(1e-8))

    def step(x: Array, y: Array) -> float:
        n = len(x)
        inputs, caches = [x], []
        h = x
        for index, (w, b) in enumerate(dense):
            z = h @ w + b
            if index == hidden:
                break
            cache: dict[str, Array] = {}
            if workload.batch_norm:
                gamma, beta = norms[index]
                mean, var = z.mean(0), z.var(0)
                inv = 1 / np.sqrt(var + np.float32(1e-5))
                xhat = (z - mean) * inv
                running[index][0] = 0.9 * running[index][0] + 0.1 * mean
                running[index][1] = 0.9 * running[index][1] + 0.1 * var * (n / (n - 1))
                cache.update(xhat=xhat, inv=inv)
                z = gamma * xhat + beta
            a = np.maximum(z, 0) if workload.activation == "relu" else np.tanh(z)
            cache["out"] = a
            if dropout:
                cache["mask"] = (rng.random(a.shape, np.float32) >= dropout) * np.float32(1 / (1 - dropout))
                a = a * cache["mask"]
            caches.append(cache)
            inputs.append(a)
            h = a
        if workload.loss == "ce":
            e = np.exp(z - z.max(1, keepdims=True))
            p = e / e.sum(1, keepdims=True)
            value = float(-np.log(p[np.arange(n), y]).mean())
            p[np.arange(n), y] -= 1
            d = p / np.float32(n)
        else:
            miss = z - y
            value = float((miss * miss).mean())
            d = miss * np.float32(2 / miss.size)
        gradients: list[Array] = []
        norm_gradients: list[Array] = []
        for index in range(hidden, -1, -1):
            gradients = [inputs[index].T @ d, d.sum(0), *gradients]
            if index == 0:
                break
            d = d @ dense[index][0].T
            cache = caches[index - 1]
            if dropout:
                d = d * cache["mask"]
            out = cache["out"]
            d = d * (out > 0) if workload.activation == "relu" else d * (1 - out * out)
            if workload.batch_norm:
                dgamma, dbeta = (d * cache["xhat"]).sum(0), d.sum(0)
                norm_gradients = [dgamma, dbeta, *norm_gradients]
                d = norms[index - 1][0] * cache["inv"] * (d - dbeta / n - cache["xhat"] * (dgamma / n))
        update(gradients + norm_gradients)
        return value

    return step


def describe() -> str:
    """Version."""
    return f"NumPy {np.__version__} by hand"
