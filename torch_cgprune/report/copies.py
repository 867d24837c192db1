"""What the page shows of copies: groups of them, exact and near ones, side by side."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.report.pictures import Pictures
from torch_cgprune.report.suspects import call, label, picture, text
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.said import repeats

# Groups that are listed, and members that are shown of each.
GROUPS_UP_TO, COPIES_UP_TO = 60, 6


def copies(scores: CGScores, pictures: Pictures) -> tuple[list[dict[str, Any]], int]:
    """Return groups of copies, and how many: those of different labels first, then near ones.

    Of every member there is its name, its label, its picture or text, and where near copies were
    looked for the cosine to the closest other one.
    """
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index in (scores.copy_groups >= 0).nonzero().flatten().tolist():
        members[int(scores.copy_groups[index])].append(index)
    listed = sorted(members.values(), key=lambda group: _rank(scores, group))[:GROUPS_UP_TO]
    cosines = _closest(scores)
    return [_shown(scores, group, cosines, pictures) for group in listed], len(members)


def _shown(
    scores: CGScores, group: list[int], cosines: Tensor | None, pictures: Pictures
) -> dict[str, Any]:
    seen = _telling(scores, group)
    drawn = pictures.draw(seen)
    return {
        "conflict": not _agree(scores, group),
        "exact": len(scores.digests[group].unique()) == 1,
        "size": len(group),
        "members": [
            {
                "name": call(scores, i),
                "label": label(scores, i),
                "cosine": "" if cosines is None else _digits(cosines[i]),
                "picture": picture(drawn[i]),
                "text": text(drawn[i]),
            }
            for i in seen
        ],
        "more": len(group) - len(seen),
    }


def _telling(scores: CGScores, group: list[int]) -> list[int]:
    """Return the members to show, in their order: of each label one, then the first others."""
    first = dict(zip(scores.labels[group].flip(0).tolist(), reversed(group), strict=True))
    chosen = sorted(first.values())[:COPIES_UP_TO]
    others = [i for i in group if i not in chosen]
    return sorted([*chosen, *others[: COPIES_UP_TO - len(chosen)]])


def scaled_copies(scores: CGScores) -> int:
    """Return how many examples are another's copy but for brightness: equal rows up to scale.

    None of those that are listed as near copies.
    """
    if scores.near_copies is not None:
        return 0
    return int(((scores.copy_groups < 0) & (repeats(scores) | scores.conflicts)).sum())


def _closest(scores: CGScores) -> Tensor | None:
    """Return (n,) float64 the highest cosine of each example in a pair of near copies."""
    if scores.near_copies is None or scores.near_cosines is None:
        return None
    highest = torch.zeros(len(scores), dtype=torch.float64)
    for column in scores.near_copies.unbind(1):
        highest.scatter_reduce_(0, column, scores.near_cosines, "amax")
    return highest


def _digits(cosine: Tensor) -> str:
    """Return a cosine with four digits, rounded down: 1 is an exact copy."""
    return "1" if cosine >= 1 else f"{math.floor(1e4 * float(cosine)) / 1e4:.4f}"


def _rank(scores: CGScores, group: list[int]) -> tuple[bool, bool]:
    """Return what groups are listed by: whether labels agree, and whether all is the same."""
    return _agree(scores, group), len(scores.digests[group].unique()) == 1


def _agree(scores: CGScores, group: list[int]) -> bool:
    return len(scores.labels[group].unique()) == 1
