"""How near are updates and activations to what memory allows? Each beside a copy that moves as many bytes.

python bench/streaming.py --threads 1
"""

import argparse
import platform
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import lamella as lm
from lamella import _core, nn, optim
from lamella.bench.report import counted_threads, machine, table
from script import command, finish, make_parser

#: Optimizers that make one flat pass, and settings that add arrays or arithmetic.
OPTIMIZERS = [
    (optim.SGD, {}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}),
    (optim.Adagrad, {}),
    (optim.Adadelta, {}),
    (optim.RMSprop, {}),
    (optim.RMSprop, {"centered": True, "momentum": 0.9}),
    (optim.Adam, {}),
    (optim.Adam, {"amsgrad": True}),
    (optim.Adam, {"weight_decay": 1e-4, "l1": 1e-5, "clip_value": 1.0}),
    (optim.AdamW, {}),
    (optim.NAdam, {}),
    (optim.RAdam, {}),
    (optim.Adamax, {}),
    (optim.Lion, {}),
    (optim.ScheduleFreeAdamW, {}),
]

ACTIVATIONS = [
    nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.CELU(), nn.SELU(), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(),
    nn.Mish(), nn.Softplus(), nn.Softsign(), nn.Tanh(), nn.Hardtanh(), nn.ReLU6(), nn.Sigmoid(), nn.LogSigmoid(),
    nn.Hardsigmoid(), nn.Hardswish(),
]  # fmt: skip


def least(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least seconds of each, in turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def check(optimizer: optim.Optimizer, kind: type[optim.Optimizer], options: dict[str, object]) -> None:
    """The first values after three updates are those of float64."""
    parameter = next(iter(optimizer.parameters()))
    few = min(1000, parameter.shape[1])
    model = nn.Linear(few, 1)
    model.dtype = "float64"
    twin = kind(model.parameters()[:1], **options)
    exact = next(iter(twin.parameters()))
    exact.data[...], exact.grad[...] = parameter.data[:1, :few], parameter.grad[:1, :few]
    for own in (optimizer, twin):
        for _ in range(3):
            own.step()
    error = np.abs(parameter.data[:1, :few] - exact.data).max()
    if not error < 1e-5:
        raise AssertionError(f"{optimizer!r} is off by {error:.3g}")


def copying(size: int, threads: int) -> Callable[[], object]:
    """A copy between arrays of that many elements."""
    x, y = np.ones((size // 4096, 4096), np.float32), np.zeros((size // 4096, 4096), np.float32)
    return lambda: _core.call_kernel("copy_limit", [y, x], len(x), [4096], None, _core.DType.float32, threads)


def row(name: str, size: int, arrays: int, seconds: float, copy: float) -> list[str]:
    """A line of the report; a copy moves two arrays."""
    floor = arrays / 2 * copy
    return [
        name,
        str(arrays),
        f"{1e3 * seconds:.1f}",
        f"{4e-9 * size * arrays / seconds:.1f}",
        f"{seconds / floor:.2f}",
    ]


def updates(arguments: argparse.Namespace) -> str:
    width = int(arguments.size**0.5) // 64 * 64
    size, rows = width * width, []
    copy_run = copying(size, arguments.threads)
    for kind, options in OPTIMIZERS:
        model = nn.Linear(width, width, bias=False)
        (weight,) = model.parameters()
        weight.grad[...] = np.random.default_rng(0).standard_normal((width, width), np.float32)
        optimizer = kind([weight], **options)
        check(optimizer, kind, options)
        found = least({"copy": copy_run, "update": optimizer.step}, arguments.rounds)
        slots = len(optimizer.slots(optimizer.param_groups[0], True))
        name = f"{kind.__name__} {' '.join(f'{key}={value}' for key, value in options.items())}".strip()
        rows.append(row(name, size, 3 + 2 * slots, found["update"], found["copy"]))  # value and slots both ways
        print(*rows[-1], flush=True)
    return table(["update", "arrays moved", "ms", "GB/s", "time / a copy's"], rows)


def activations(arguments: argparse.Namespace) -> str:
    size, rows = arguments.size // 4096 * 4096, []
    copy_run = copying(size, arguments.threads)
    x, dy = (np.random.default_rng(seed).standard_normal(size, np.float32) for seed in (0, 1))
    y, dx = np.zeros_like(x), np.zeros_like(x)
    for layer in ACTIVATIONS:
        fields = None if layer.settings is None else np.array(list(layer.settings.detach().values()), np.float64)

        def run(name: str, operands: list[np.ndarray], fields=fields) -> None:
            _core.call_kernel(name, operands, 1, [size], fields, _core.DType.float32, arguments.threads)

        forward = partial(run, f"{layer.kernel}_forward", [y, x])
        backward = partial(run, f"{layer.kernel}_backward", [dx, dy, x if layer.saves_input else y])
        forward()
        backward()
        few, model = slice(0, 4096), nn.Sequential(layer, dtype="float64")
        error = np.abs(model(x[few][None].astype(np.float64)) - y[few]).max()
        slope_error = np.abs(model.backward(dy[few][None]) - dx[few]).max()
        if not error < 1e-5 or not slope_error < 1e-4:
            raise AssertionError(f"{layer!r} is off by {error:.3g} and {slope_error:.3g}")
        found = least({"copy": copy_run, "forward": forward, "backward": backward}, arguments.rounds)
        rows.append(row(f"{layer!r} forward", size, 2, found["forward"], found["copy"]))
        rows.append(row(f"{layer!r} backward", size, 3, found["backward"], found["copy"]))
        print(*rows[-2], "|", *rows[-1], flush=True)
    return table(["activation", "arrays moved", "ms", "GB/s", "time / a copy's"], rows)


def main() -> None:
    parser = make_parser(__doc__, rounds=7)
    parser.add_argument("--size", type=int, default=30_000_000, help="numbers in each array; default: 30 million")
    arguments = parser.parse_args()
    lm.set_num_threads(arguments.threads)
    _core.share_all_work(True)  # as many threads as the copy has
    text = f"""# Updates and activations beside a copy, {counted_threads(arguments.threads)}

Machine: {machine()}.
System: lamella {lm.__version__} ({_core.isa()}); Python {platform.python_version()}.
Command: `{command(arguments)}`.

Arrays of {arguments.size:,} float32 numbers, which no cache holds. The last column is the least time of several over
the least time, in the same turns, in which a copy moves as many bytes: 1 is the speed of memory. An update can be
below: it writes where it has read, while a copy's target is read, too, before it is written. Results are checked before
anything is timed.

{updates(arguments)}

{activations(arguments)}
"""
    finish(text, arguments)


if __name__ == "__main__":
    main()
