"""JAX at its best: one jitted Adam step of all models at once, which share every setting and, in a step, the batch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamella.bench.workloads import Array
from populations import Trained
from populations.networks import Network, Task


def make(task: Task, name: str) -> Trained:
    """``vmap`` over stacked parameters; data on the device, batches gathered there, the state donated.

    An epoch is one call, a scan over its steps, or a call a step. (A batch that all models share makes one product of
    their first layers'. Threefry is the fastest of JAX's generators here.)
    """
    task = task.shortened()
    network = task.network
    every = [list(task.member(number).weights()) for number in range(task.models)]
    parameters = [
        (jnp.asarray(np.stack([w.T for w, _ in layer])), jnp.asarray(np.stack([b for _, b in layer])))
        for layer in zip(*every, strict=True)
    ]
    del every
    state = (parameters, *(jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)), jnp.zeros((), jnp.int32))
    data = tuple(jnp.asarray(part) for part in task.data())
    key = jax.random.key(0)

    def step(state: Any, rows: Any, x: Any, y: Any, key: Any) -> Any:
        parameters, m, v, count = state
        count = count + 1
        keys = jax.random.split(jax.random.fold_in(key, count), task.models)
        each = jax.vmap(jax.value_and_grad(_objective(network)), in_axes=(0, None, None, 0))
        values, gradients = each(parameters, x[rows], y[rows], keys)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
        rate, scale = 1e-4 / (1 - 0.9**count), 1 / (1 - 0.999**count)
        parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v * scale) + 1e-8), parameters, m, v)
        return (parameters, m, v, count), values

    def scan(state: Any, order: Any, x: Any, y: Any, key: Any) -> Any:
        return jax.lax.scan(lambda state, rows: step(state, rows, x, y, key), state, order)

    compiled = jax.jit(scan if name == "jax_scan" else step, donate_argnums=0)

    def epochs(count: int, shuffle: bool) -> Array:
        nonlocal state
        for epoch in range(count):
            order = task.order(epoch, shuffle).astype(np.int32)
            if name == "jax_scan":
                state, values = compiled(state, order, *data, key)
            else:
                values = []
                for rows in order:
                    state, value = compiled(state, rows, *data, key)
                    values.append(value)
        return np.mean(jax.device_get(values), axis=0)

    return Trained(f"JAX {jax.__version__} vmap", task, epochs)


def _objective(network: Network) -> Any:
    """Loss of one model."""

    def objective(parameters: Any, x: Any, y: Any, key: Any) -> Any:
        h = x
        for index, (w, b) in enumerate(parameters):
            h = h @ w + b
            if index == network.hidden:
                break
            h = jax.nn.relu(h) if network.activation == "relu" else jnp.tanh(h)
            if network.dropout:
                keep = jax.random.bernoulli(jax.random.fold_in(key, index), 1 - network.dropout, h.shape)
                h = jnp.where(keep, h / (1 - network.dropout), 0)
        if network.loss == "mse":
            return ((h - y) ** 2).mean()
        return -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1).mean()

    return objective
