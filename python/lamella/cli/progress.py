"""What is shown of an epoch."""

from collections.abc import Callable

from lamella.cli.target import Target


def describe(record: dict[str, float], target: Target) -> str:
    """Loss and score of an epoch in words."""

    def part(key: str, name: str, shown: Callable[[float], str]) -> str:
        validation = f" val {shown(record['val_' + key])}" if "val_" + key in record else ""
        return f"{name} {shown(record[key])}{validation}"

    loss = part("loss", "loss", lambda value: f"{value:.4f}")
    score = part(target.score_key, target.score_name, lambda value: f"{target.shown(value):{target.score_format}}")
    return f"{loss}  {score}"
