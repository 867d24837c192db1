"""The map of all examples: their places and what colours them, packed for the page's script."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.report.suspects import doubts, rivals
from torch_cgprune.scores import CGScores
from torch_cgprune.utils.seeds import stream

# Points on the map at most, and characters of their names: of more examples, all suspects that
# fit and some of the others.
POINTS_UP_TO, LETTERS_UP_TO = 50_000, 1_500_000
# What lies far out would press all others together: it is put to the edge.
_INSIDE = (0.001, 0.999)


def plane(scores: CGScores, flagged: Tensor) -> dict[str, Any] | None:
    """Return what the page draws its map from; None where the scores have no ``position``.

    Returns:
        ``count``, m; base64-coded little-endian arrays of m: ``index`` uint32, ``x`` and ``y``
        uint16 over the range of places, ``given`` uint16, ``suggested`` uint16 (65535 for none),
        ``doubt`` and ``score`` float32, ``flagged`` uint8; and ``names``, m of them, or None where
        there are none or they are too long.

    """
    if scores.position is None or len(scores.classes) > 2**16 - 1:
        return None
    shown = _shown(flagged)
    x, y = (_scaled(axis)[shown] for axis in scores.position.unbind(1))
    columns = {
        "index": (shown, "<u4"),
        "x": (x, "<u2"),
        "y": (y, "<u2"),
        "given": (scores.labels[shown], "<u2"),
        "suggested": (rivals(scores)[shown] % 2**16, "<u2"),
        "doubt": (doubts(scores)[shown], "<f4"),
        "score": (scores.values[shown], "<f4"),
        "flagged": (flagged[shown], "u1"),
    }
    packed = {name: _packed(column, kind) for name, (column, kind) in columns.items()}
    return {"count": len(shown), **packed, "names": _names(scores, shown)}


def _shown(flagged: Tensor) -> Tensor:
    """Return the indices of what is on the map, ascending."""
    n = len(flagged)
    if n <= POINTS_UP_TO:
        return torch.arange(n)
    order = torch.from_numpy(np.random.default_rng(stream(0)).permutation(n))
    first = (~flagged[order]).to(torch.uint8).argsort(stable=True)
    return order[first[:POINTS_UP_TO]].sort().values


def _scaled(axis: Tensor) -> Tensor:
    """Return (n,) integers from 0 to 65535 along an axis of the map."""
    low, high = (float(np.quantile(axis.numpy(), end)) for end in _INSIDE)
    span = (high - low) or 1.0
    low, span = low - 0.04 * span, 1.08 * span
    return ((axis - low) / span * 65535).clamp(0, 65535).round().long()


def _packed(column: Tensor, kind: str) -> str:
    return base64.b64encode(column.numpy().astype(kind).tobytes()).decode()


def _names(scores: CGScores, shown: Tensor) -> list[str] | None:
    if scores.names is None:
        return None
    names = [scores.names[i] for i in shown.tolist()]
    return names if sum(map(len, names)) <= LETTERS_UP_TO else None
