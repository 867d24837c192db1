"""How many examples of each class every policy keeps, at every share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.policies.at_shares import kept_at
from torch_cgprune.policies.by_name import BY_VALUES
from torch_cgprune.scores import CGScores


def policy_table(scores: CGScores, percents: list[int], flagged: Tensor) -> dict[str, Any]:
    """Count what every policy keeps of each class at each share, and how many of the flagged.

    Args:
        scores: of a dataset of k classes.
        percents: shares to keep, in percent.
        flagged: (n,) bool, the labels that look wrong.

    Returns:
        ``percents``, and for ``balanced`` and ``overall`` a table by policy: one row a share, of k
        numbers kept and k numbers flagged.

    """
    k = len(scores.classes)

    keeps = [percent / 100 for percent in percents]

    def rows(policy: str, *, balanced: bool) -> Iterator[list[list[int]]]:
        for kept in kept_at(policy, scores.values, scores.labels, keeps, balanced=balanced):
            parts = (scores.labels[kept], scores.labels[kept & flagged])
            yield [torch.bincount(part, minlength=k).tolist() for part in parts]

    tables = {
        name: {policy: [*rows(policy, balanced=balanced)] for policy in BY_VALUES}
        for name, balanced in (("balanced", True), ("overall", False))
    }
    return {"percents": percents, **tables}
