"""The step in JAX: one jitted function whose state is donated, the optimizers written out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lamella.bench.workloads import Array, Workload


def make(workload: Workload, threads: int) -> Callable[[Array, Array], float]:
    """Forward, gradient and update in one compiled call; the loss as a Python float.

    XLA takes as many threads as the process may use cores: the worker is held to ``threads`` of them.
    """
    dense = [(jnp.asarray(w.T), jnp.asarray(b)) for w, b in workload.weights()]
    hidden, dropout = workload.hidden, workload.dropout
    norms = [(jnp.ones(w.shape[1]), jnp.zeros(w.shape[1])) for w, _ in dense[:hidden]] if workload.batch_norm else []
    running = [(jnp.zeros(w.shape[1]), jnp.ones(w.shape[1])) for w, _ in dense[:hidden]] if workload.batch_norm else []
    parameters = (dense, norms)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros, jax.tree.map(jnp.zeros_like, zeros), running, jnp.zeros((), jnp.int32))

    def objective(parameters: Any, running: Any, x: Any, y: Any, key: Any) -> Any:
        dense, norms = parameters
        n = x.shape[0]
        moved = []
        h = x
        for index, (w, b) in enumerate(dense):
            h = h @ w + b
            if index == hidden:
                break
            if norms:
                gamma, beta = norms[index]
                mean, var = h.mean(0), h.var(0)
                h = (h - mean) * jax.lax.rsqrt(var + 1e-5) * gamma + beta
                old = running[index]
                moved.append((0.9 * old[0] + 0.1 * mean, 0.9 * old[1] + 0.1 * var * (n / (n - 1))))
            h = jax.nn.relu(h) if workload.activation == "relu" else jnp.tanh(h)
            if dropout:
                keep = jax.random.bernoulli(jax.random.fold_in(key, index), 1 - dropout, h.shape)
                h = jnp.where(keep, h / (1 - dropout), 0)
        if workload.loss == "mse":
            return ((h - y) ** 2).mean(), moved
        return -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1).mean(), moved

    def update(p: Any, g: Any, m: Any, v: Any, count: Any) -> Any:
        if workload.optimizer == "sgd":
            m = 0.9 * m + g
            return p - 1e-3 * m, m, v
        if workload.optimizer == "rmsprop":
            v = 0.99 * v + 0.01 * g * g
            return p - 1e-4 * g / (jnp.sqrt(v) + 1e-8), m, v
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        rate = 1e-4 / (1 - 0.9**count)
        return p - rate * m / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8), m, v

    def whole(state: Any, x: Any, y: Any, key: Any) -> Any:
        parameters, m, v, running, count = state
        count = count + 1
        key = jax.random.fold_in(key, count)
        (value, moved), gradients = jax.value_and_grad(objective, has_aux=True)(parameters, running, x, y, key)
        leaves = [jax.tree.leaves(tree) for tree in (parameters, gradients, m, v)]
        new = [update(p, g, m, v, count) for p, g, m, v in zip(*leaves, strict=True)]
        shape = jax.tree.structure(parameters)
        parameters, m, v = (jax.tree.unflatten(shape, list(part)) for part in zip(*new, strict=True))
        return (parameters, m, v, moved, count), value

    compiled = jax.jit(whole, donate_argnums=0)
    key = jax.random.key(0)

    def step(x: Array, y: Array) -> float:
        nonlocal state
        state, value = compiled(state, x, y, key)
        return float(value)

    return step


def describe() -> str:
    """Version."""
    return f"JAX {jax.__version__} jit, state donated"
