"""How scores show themselves: in a terminal, and in a notebook."""

from __future__ import annotations

import html
from typing import Any

from torch_cgprune.scores.histogram import histogram


def as_text(scores: Any, rule: str) -> str:
    """Return what ``CGScores`` are and hold; ``rule`` is what their suspects go by."""
    return (
        "\n".join([f"CGScores({_title(scores)}", *(f"  {s}" for s in _lines(scores, rule))]) + ")"
    )


def as_html(scores: Any, rule: str) -> str:
    """Return the same for a notebook, with a histogram of the scores."""
    listed = "<br>".join(html.escape(line) for line in _lines(scores, rule))
    name = html.escape(f"CGScores: {_title(scores)}")
    return f"<div><b>{name}</b><br>{listed}<br>{histogram(scores.values)}</div>"


def _title(scores: Any) -> str:
    options = ", ".join(f"{k}={_brief(v)}" for k, v in scores.metadata.get("options", {}).items())
    return f"{len(scores)} examples, {len(scores.classes)} classes, {options}"


def _lines(scores: Any, rule: str) -> list[str]:
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


def _brief(value: Any) -> str:
    """Show an option; the runs per class as a range."""
    if isinstance(value, list):
        return str(value[0]) if len({*value}) == 1 else f"{min(value)}..{max(value)}"
    return repr(value)
