"""``lamella info``."""

import json
from argparse import Namespace
from typing import Any

import lamella as lm
from lamella.cli.modelfile import FORMAT, read_metadata, read_model
from lamella.cli.target import target_from_json
from lamella.cli.wording import listed, quoted


def run(args: Namespace) -> None:
    """The installation; or a model file."""
    if args.model is None:
        print(lm.show_config())
        return
    metadata = read_metadata(args.model)
    print(read_model(args.model).summary())
    print()
    if metadata.get("format") == FORMAT:
        print(_describe(metadata))
    else:
        print("metadata:", json.dumps(metadata, indent=2, ensure_ascii=False) if metadata else "none")


def _describe(metadata: dict[str, Any]) -> str:
    target, rows, options = metadata["target"], metadata["rows"], dict(metadata["options"])
    options["layers"] = ",".join(map(str, options["layers"])) or "none"
    if metadata["task"] == "classification":
        meaning = f"{len(target['classes'])} classes: {listed(target['classes'], 20)}"
    else:
        meaning = f"mean {target['mean']:.6g}, deviation {target['scale']:.6g}"
    lines = [
        f"data      {metadata['data']}",
        f"target    {quoted(target['name'])}, {metadata['task']}, {meaning}",
        f"rows      {', '.join(f'{count} {name}' for name, count in rows.items())}",
        f"training  {', '.join(f'{name} {value}' for name, value in options.items())}",
        f"kept      epoch {metadata['kept_epoch']}",
    ]
    if metadata["test_scores"]:
        scores = {"r2": float("nan"), **metadata["test_scores"]}
        lines.append(f"test      {target_from_json(target).describe_scores(scores)}")
    lines.append(f"columns   {len(metadata['features'])}; missing values: {metadata['missing']}")
    width = max(len(quoted(feature["name"])) for feature in metadata["features"])
    for feature in metadata["features"]:
        if feature["kind"] == "numeric":
            how = f"number, mean {feature['mean']:.6g}, deviation {feature['scale']:.6g}"
        else:
            how = f"{len(feature['categories'])} categories: {listed(feature['categories'], 10)}"
        lines.append(f"  {quoted(feature['name']).ljust(width)}  {how}")
    return "\n".join(lines)
