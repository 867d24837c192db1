"""How scores show themselves: in a terminal, and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from torch_cgprune.scores.histogram import histogram


def title(scores: Any) -> str:
    """Return what ``CGScores`` are of, and their options, in one line."""
    options = ", ".join(f"{k}={_brief(v)}" for k, v in scores.metadata.get("options", {}).items())
    return f"{len(scores)} examples, {len(scores.classes)} classes, {options}"


def lines(scores: Any, rule: str) -> list[str]:
    """Return what is in ``CGScores``, a line each; ``rule`` is what their suspects go by."""
    low, high = scores.values.aminmax()
    suspects, conflicts = int(scores.suspects.sum()), int(scores.conflicts.sum())
    found = [
        f"values: {low:.4g} .. {high:.4g}, median {scores.values.median():.4g}",
        f"suspects: {suspects} ({suspects / len(scores):.1%}), {rule} rule"
        + (f"; {conflicts} in conflict with a copy" if conflicts else ""),
    ]
    if scores.metadata.get("photographs_as_pixels"):
        found.append("photographs as pixels: features=encoders.load(NAME) would see more")
    return found


def as_html(title: str, lines: Sequence[str], values: Tensor) -> str:
    """Return the same for a notebook, with a histogram of (n,) scores."""
    listed = "<br>".join(html.escape(line) for line in lines)
    name = html.escape(f"CGScores: {title}")
    return f"<div><b>{name}</b><br>{listed}<br>{histogram(values)}</div>"


def _brief(value: Any) -> str:
    """Show an option; the runs per class as a range."""
    if isinstance(value, list):
        return str(value[0]) if len({*value}) == 1 else f"{min(value)}..{max(value)}"
    return repr(value)
