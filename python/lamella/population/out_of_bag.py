"""Each row predicted by the models that did not learn from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamella._arrays import Array, as_features
from lamella.ensemble.combine import combination, scores
from lamella.ensemble.outputs import in_blocks
from lamella.population.member import Member
from lamella.trainer.samples import samples_of


@dataclass(frozen=True)
class OutOfBag:
    """What :meth:`Population.out_of_bag` found.

    Attributes
    ----------
    predictions : ndarray
        (n, outputs) probabilities or values, NaN for rows that all models learned from; of a vote (n,) classes, -1 for
        such rows, or (n, outputs) answers, which are no for them.
    counts : ndarray, (n,)
        Models that did not learn from each row.
    scores : dict
        "loss" and the loss's score, such as "accuracy", over the rows that some model did not learn from; of a vote,
        the score. Empty without targets.
    """

    predictions: Array
    counts: Array
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """Rows that all models learned from."""
        return int((self.counts == 0).sum())

    def __repr__(self) -> str:
        found = "".join(f", {name}={value:.4g}" for name, value in self.scores.items())
        return f"OutOfBag({len(self.counts)} rows, {self.left_out} left out{found})"


def unseen(members: Sequence[Member], x: Any, where: str) -> Array:
    """(models, n) of 1 where a model did not learn from a row of x in its last fit, else 0."""
    masks = []
    for member in members:
        if member.learned is None:
            raise ValueError(f"[{where}] model {member.number} has not been trained: call fit() first")
        masks.append(~member.learned.mask())
        if len(masks[-1]) != len(masks[0]):
            raise ValueError(
                f"[{where}] model {member.number} was trained on {len(masks[-1])} rows, but model {members[0].number} "
                f"on {len(masks[0])}"
            )
    if not any(mask.any() for mask in masks):
        raise ValueError(
            f'[{where}] every model learned from all rows: train on some of them, such as by fit(samples="bootstrap")'
        )
    model = members[0].trainer.model
    rows = len(as_features(x, model.store().dtype, model.input_width(), "x", where))
    if rows != len(masks[0]):
        raise ValueError(f"[{where}] x has {rows} rows but the models were trained on {len(masks[0])}")
    return np.stack(masks).astype(np.float64)


def out_of_bag(
    members: Sequence[Member], x: Any, y: Any, sample_weight: Any, combine: str, weights: Array, where: str
) -> OutOfBag:
    """See :meth:`Population.out_of_bag`; ``weights`` are those of these members."""
    way, first = combination(combine, where), members[0].trainer
    models, losses = [m.trainer.model for m in members], [m.trainer.loss for m in members]
    if y is None and sample_weight is not None:
        raise ValueError(f"[{where}] sample_weight is given without y")
    counted = unseen(members, x, where) * weights[:, None]
    said = in_blocks(models, x, 1024, where, lambda outputs, rows: way.said(outputs, losses, counted[:, rows]))
    counts = (counted > 0).sum(axis=0)
    if y is None:
        return OutOfBag(said, counts)
    samples = samples_of(first.model, first.loss, x, y, sample_weight, where)
    rows = np.flatnonzero(counts)
    weight = None if samples.weight is None else samples.weight[rows]
    width = samples.x.shape[1]
    return OutOfBag(said, counts, scores(way, said[rows], first.loss, samples.target[rows], weight, first.model, width))
