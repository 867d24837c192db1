"""What follows from scores, and is said of them in several places."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def repeats(scores: Any) -> Tensor:
    """Return (n,) bool, the later exact copies of the same label: their terms alone are all 0."""
    later: Tensor = scores.terms[:, 2] == 0
    return later


def suspicion_rule(scores: Any) -> str:
    """Return which rule ``scores.suspects`` go by."""
    return "partial-sign" if scores.own is None else "posterior"
