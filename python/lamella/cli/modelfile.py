"""Model files: beside the network, how columns become its inputs and what its outputs mean."""

import math
from argparse import Namespace
from typing import Any

import lamella as lm
from lamella import nn
from lamella.cli.dataset import Dataset
from lamella.cli.errors import CliError
from lamella.cli.features import Feature, features_from_json
from lamella.cli.learning import Learned
from lamella.cli.preparation import Prepared
from lamella.cli.target import Target, target_from_json

#: Marks the metadata as this tool's, in this layout.
FORMAT = "lamella-train-1"

#: Of the network and its training.
OPTIONS = (
    "layers", "activation", "dropout", "batch_norm", "optimizer", "lr", "epochs", "batch_size", "keep", "seed"
)  # fmt: skip


def make_metadata(
    args: Namespace, data: Dataset, prepared: Prepared, learned: Learned, scores: dict[str, float]
) -> dict[str, Any]:
    """All that prediction needs, and what ``lamella info`` shows. No times or places: equal runs give equal files."""
    parts = {"training": prepared.training, "validation": prepared.validation, "test": prepared.test}
    return {
        "format": FORMAT,
        "data": data.name,
        "task": prepared.target.task,
        "target": prepared.target.to_json(),
        "features": [feature.to_json() for feature in prepared.features],
        "missing": args.missing,
        "decimal": args.decimal,
        "rows": {name: 0 if part is None else len(part) for name, part in parts.items()},
        "options": {name: getattr(args, name) for name in OPTIONS},
        "kept_epoch": learned.kept + 1,
        "test_scores": {name: score for name, score in scores.items() if math.isfinite(score)},
    }


def read_metadata(path: str) -> dict[str, Any]:
    """Whatever metadata a model file has; CliError if it is none."""
    try:
        return lm.load_metadata(path)
    except (OSError, ValueError) as error:
        raise CliError(_plain(error)) from error


def read_model(path: str) -> nn.Module:
    """The network of a model file."""
    try:
        return lm.load(path)
    except (OSError, ValueError) as error:
        raise CliError(_plain(error)) from error


def read_meaning(path: str) -> tuple[list[Feature], Target, dict[str, Any]]:
    """Features, target and all metadata of a file that ``lamella train`` wrote; CliError if another wrote it."""
    metadata = read_metadata(path)
    if metadata.get("format") != FORMAT:
        raise CliError(f"{path} holds a model but not what its columns mean: it was not written by lamella train")
    return features_from_json(metadata["features"]), target_from_json(metadata["target"]), metadata


def _plain(error: Exception) -> str:
    """The message without the name of the function that raised it."""
    return str(error).removeprefix("[load] ").removeprefix("[load_metadata] ")
