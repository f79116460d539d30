"""What numbers of layers and parameters mean, and what to try."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamella.diagnosis.records import EpochRecord, LayerRecord

#: From when on a thing is worth telling.
DEAD, SATURATED, CORRELATED = 0.2, 0.5, 0.7
#: Of the gradient's length in the first layer, beside the last one's.
VANISHING, EXPLODING = 1e-3, 1e3
#: Of |change of w| / |w| in a step. About 1e-3 is good.
SLOW, FAST = 2e-5, 5e-2


@dataclass(frozen=True)
class Finding:
    """Something that stands out.

    Attributes
    ----------
    kind : str
        "not finite", "dead units", "saturated units", "correlated units", "no gradient", "vanishing gradients",
        "exploding gradients", "small updates" or "large updates"; other checks have kinds of their own.
    where : str
        The layer or parameter, by its name; "" for the whole.
    value : float
        What was measured.
    text : str
        One sentence.
    advice : tuple of str
        What to try, most promising first.
    """

    kind: str
    where: str
    value: float
    text: str
    advice: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text + "".join(f"\n  - {each}" for each in self.advice)


def read(record: "EpochRecord") -> tuple[Finding, ...]:
    """What stands out in a record, gravest first."""
    return (*_broken(record), *_units(record), *_flow(record), *_updates(record))


def _broken(record: "EpochRecord") -> Iterator[Finding]:
    for layer in record.layers.values():
        count = layer.activations.not_finite
        if count:
            yield Finding(
                "not finite",
                layer.name,
                count,
                f"layer {layer.name} ({layer.kind}) gives NaN or infinite values",
                ("lower the learning rate", "standardise the data", "clip gradients: clip_norm=1"),
            )
            return  # all that follow have them, too


def _units(record: "EpochRecord") -> Iterator[Finding]:
    for layer in record.layers.values():
        label = f"layer {layer.name} ({layer.kind})"
        if layer.dead is not None and layer.dead >= DEAD:
            yield Finding(
                "dead units",
                layer.name,
                layer.dead,
                f"{label}: {layer.dead:.0%} of its {layer.units} units are dead, no row of the sample can train them",
                (
                    "a lower learning rate, or a warm-up: one large step kills ReLUs for good",
                    "LeakyReLU, ELU or GELU, which do not die",
                    "standardised inputs, or batch or layer normalization before it",
                    "first weights that suit it (the default; not zeros), biases that start at zero",
                ),
            )
        if layer.saturated is not None and layer.saturated >= SATURATED:
            yield Finding(
                "saturated units",
                layer.name,
                layer.saturated,
                f"{label}: {layer.saturated:.0%} of its activations are saturated, hardly any gradient passes",
                (
                    "smaller first weights: init='glorot_uniform'",
                    "standardised inputs, or batch or layer normalization before it",
                    "a lower learning rate, or weight decay",
                    "ReLU or GELU in hidden layers",
                ),
            )
        if layer.correlation is not None and layer.correlation >= CORRELATED:
            yield Finding(
                "correlated units",
                layer.name,
                layer.correlation,
                f"{label}: its units do much the same, their correlation is {layer.correlation:.2f} on average",
                (
                    "first weights that differ (not zeros, not a constant)",
                    "dropout",
                    "fewer units may do as well",
                ),
            )


def length(layer: "LayerRecord") -> float:
    """Of a row's gradient by the layer's outputs."""
    return (layer.gradient_rms or 0.0) * math.sqrt(layer.units)


def _flow(record: "EpochRecord") -> Iterator[Finding]:
    layers = [layer for layer in record.layers.values() if layer.gradient_rms is not None]
    if len(layers) < 2:
        return
    first, last = layers[0], layers[-1]
    if length(first) == 0:
        yield Finding(
            "no gradient",
            first.name,
            0.0,
            f"no gradient arrives at layer {first.name} ({first.kind}): it learns nothing",
            (
                "look for a later layer whose units are all dead or saturated",
                "lm.check_gradients(model, x, y, loss)",
            ),
        )
        return
    ratio = length(first) / length(last) if length(last) > 0 else math.nan
    if ratio < VANISHING:
        yield Finding(
            "vanishing gradients",
            first.name,
            ratio,
            f"gradients vanish: at layer {first.name} they are {ratio:.1e} of what they are at layer {last.name}",
            (
                "ReLU or GELU rather than sigmoid or tanh in hidden layers, with He's first weights (the default)",
                "batch or layer normalization",
                "residual blocks: nn.Residual",
                "fewer layers",
            ),
        )
    if ratio > EXPLODING:
        yield Finding(
            "exploding gradients",
            first.name,
            ratio,
            f"gradients explode: at layer {first.name} they are {ratio:.1e} times what they are at layer {last.name}",
            ("smaller first weights", "clip gradients: clip_norm=1", "batch or layer normalization"),
        )


def _updates(record: "EpochRecord") -> Iterator[Finding]:
    ratios = {
        name: each.update_ratio
        for name, each in record.parameters.items()
        if len(each.shape) > 1 and each.update_ratio is not None
    }
    slow = {name: ratio for name, ratio in ratios.items() if ratio < SLOW}
    fast = {name: ratio for name, ratio in ratios.items() if not ratio <= FAST}
    if fast:
        name = max(fast, key=lambda name: fast[name])
        yield Finding(
            "large updates",
            name,
            fast[name],
            f"a step changes {name} by {fast[name]:.1e} of what it is; about 1e-3 is good",
            ("a lower learning rate: lm.lr_range_test suggests one", "a warm-up"),
        )
    if slow and len(slow) == len(ratios):
        name = min(slow, key=lambda name: slow[name])
        yield Finding(
            "small updates",
            name,
            slow[name],
            f"a step changes {name} by {slow[name]:.1e} of what it is, other weights hardly more; about 1e-3 is good",
            ("a higher learning rate: lm.lr_range_test suggests one", "none, at the end of a schedule"),
        )
