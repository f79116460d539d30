"""The report of a training."""

import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamella import nn
from lamella.cli.bundled import IMAGES
from lamella.cli.dataset import Dataset
from lamella.cli.learning import Learned
from lamella.cli.modelfile import OPTIONS
from lamella.cli.preparation import Prepared
from lamella.cli.target import ClassTarget, NumberTarget

#: How a table is read.
_TABLE = ("target", "task", "ignore", "categorical", "missing", "delimiter", "decimal")


def write_page(
    args: Namespace, data: Dataset, prepared: Prepared, model: nn.Module, learned: Learned, path: Path
) -> None:
    """Write it."""
    from lamella.reporting import report

    target = prepared.target
    parts = {"training": prepared.training, "validation": prepared.validation, "test": prepared.test}
    report(
        learned.history,
        model,
        {name: None if part is None else (part.x, part.y) for name, part in parts.items()},
        path,
        trainer=learned.trainer,
        recorder=learned.recorder,
        classes=target.classes if isinstance(target, ClassTarget) else [target.name],
        decode=_in_own_units(target) if isinstance(target, NumberTarget) else None,
        image_shape=IMAGES.get(args.data),
        settings={"data": data.name, "target": target.name, "command": _command(args)},
        title=f"{data.name}: {target.name}",
    )


def _in_own_units(target: NumberTarget) -> Any:
    def decode(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(values, np.float64) * target.scale + target.mean

    return decode


def _command(args: Namespace) -> str:
    """What makes the same network again, whatever the defaults may become."""
    words = ["lamella", "train", args.data]
    for name in (*_TABLE, *OPTIONS, "validation", "test"):
        value, option = getattr(args, name), f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        elif name == "layers":
            words += [option, ",".join(map(str, value)) or "none"]
        elif value is not None:
            words += [f"{option}={each}" for each in (value if isinstance(value, list) else [value])]
    return shlex.join(words)
