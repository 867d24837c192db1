"""What scores say of themselves where they are printed."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def title(n: int, k: int, options: dict[str, Any]) -> str:
    """Return how many examples and classes there are, and how they were scored."""
    listed = ", ".join(f"{name}={_brief(value)}" for name, value in options.items())
    return f"{n} examples, {k} classes, {listed}"


def lines(
    values: Tensor, suspects: Tensor, conflicts: Tensor, rule: str, *, as_pixels: bool
) -> list[str]:
    """Return the lines below the title.

    Args:
        values: (n,) scores.
        suspects: (n,) bool.
        conflicts: (n,) bool.
        rule: which labels are suspects.
        as_pixels: whether they are of photographs, which an encoder would see better.

    """
    low, high = values.aminmax()
    flagged, conflicting, n = int(suspects.sum()), int(conflicts.sum()), len(values)
    found = [
        f"values: {low:.4g} .. {high:.4g}, median {values.median():.4g}",
        f"suspects: {flagged} ({flagged / n:.1%}), {rule} rule"
        + (f"; {conflicting} in conflict with a copy" if conflicting else ""),
    ]
    if as_pixels:
        found.append("photographs as pixels: features=encoders.load(NAME) would see more")
    return found


def _brief(value: Any) -> str:
    """Show an option; the runs per class as a range."""
    if isinstance(value, list):
        return str(value[0]) if len({*value}) == 1 else f"{min(value)}..{max(value)}"
    return repr(value)
