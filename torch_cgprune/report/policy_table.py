"""How many examples of each class every policy keeps, at every share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torch_cgprune.policies.by_name import BY_VALUES, kept_by
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

    def row(policy: str, percent: int, *, balanced: bool) -> list[list[int]]:
        kept = kept_by(policy, scores.values, scores.labels, percent / 100, balanced=balanced)
        codes = scores.labels[kept]
        parts = (codes, codes[flagged[kept]])
        return [torch.bincount(part, minlength=k).tolist() for part in parts]

    tables = {
        name: {
            policy: [row(policy, percent, balanced=balanced) for percent in percents]
            for policy in BY_VALUES
        }
        for name, balanced in (("balanced", True), ("overall", False))
    }
    return {"percents": percents, **tables}
