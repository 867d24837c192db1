"""What a scoring found, as plain values and as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from torch_cgprune.noise_rate import estimate_noise_rate
from torch_cgprune.scores import CGScores

# Classes in a table of text; the others are in the JSON.
_ROWS = 20


def facts(scores: CGScores) -> dict[str, Any]:
    """Return what there is to say of scores, as JSON values.

    Shares lie between 0 and 1; ``duplicates`` have an earlier exact copy of the same label.
    """
    low, high = scores.values.aminmax()
    suspects, n = int(scores.suspects.sum()), len(scores)
    rate = None
    if scores.loo is not None and len(scores.classes) > 1:
        rate = estimate_noise_rate(scores)
    options = scores.metadata.get("options", {})
    return {
        "examples": n,
        "classes": len(scores.classes),
        "source": scores.metadata.get("source", {}).get("source"),
        "options": options,
        "ridge": scores.metadata.get("ridge", {}).get("chosen", options.get("ridge")),
        "library_version": scores.metadata.get("library_version"),
        "fingerprint": scores.metadata.get("fingerprint"),
        "scores": {"lowest": float(low), "median": _median(scores), "highest": float(high)},
        "suspects": {"count": suspects, "share": suspects / n, "rule": suspicion_rule(scores)},
        "wrong_labels": rate and {"estimate": rate.rate, "error": rate.error},
        "duplicates": int(repeats(scores).sum()),
        "conflicts": int(scores.conflicts.sum()),
        "near_copies": scores.metadata.get("near_copies", 0),
        "skipped": scores.metadata.get("source", {}).get("skipped", []),
        "per_class": _per_class(scores),
    }


def repeats(scores: CGScores) -> Tensor:
    """Return (n,) bool, the later exact copies of the same label: their terms alone are all 0."""
    return scores.terms[:, 2] == 0


def suspicion_rule(scores: CGScores) -> str:
    """Return which rule ``scores.suspects`` go by."""
    return "partial-sign" if scores.own is None else "centred-sign"


def _median(scores: CGScores) -> float:
    return float(scores.values.median())


def _per_class(scores: CGScores) -> list[dict[str, Any]]:
    rows = []
    for code, name in enumerate(scores.class_names):
        inside = scores.labels == code
        values = scores.values[inside]
        rows.append(
            {
                "class": name,
                "examples": len(values),
                "mean": float(values.mean()),
                "deviation": float(values.std(correction=0)),
                "suspects": int(scores.suspects[inside].sum()),
                "complexity": float(scores.complexity[code]),
                "bound": float(scores.bound[code]),
            }
        )
    return rows


def in_words(found: dict[str, Any]) -> str:
    """Return what :func:`facts` found as text, the classes with most suspects first."""
    suspects, values = found["suspects"], found["scores"]
    source = f" from {found['source']}" if found["source"] else ""
    span = f"{values['lowest']:.4g} to {values['highest']:.4g}, median {values['median']:.4g}"
    flagged = f"{suspects['count']} labels look wrong ({suspects['share']:.1%})"
    lines = [
        f"{found['examples']} examples of {found['classes']} classes{source}",
        _scored_by(found),
        "",
        f"scores       {span}",
        f"suspects     {flagged} by the rule {suspects['rule']}",
    ]
    if found["wrong_labels"]:
        rate = found["wrong_labels"]
        lines.append(
            f"estimate     {rate['estimate']:.1%} ± {rate['error']:.1%} of all labels are wrong"
        )
    lines.append(
        f"copies       {found['duplicates']} exact duplicates, {found['conflicts']} examples with "
        "a copy of another label"
    )
    if found["skipped"]:
        lines.append(f"left out     {len(found['skipped'])} files that cannot be read")
    worst = sorted(found["per_class"], key=lambda row: -row["suspects"] / row["examples"])
    rows = [
        (
            row["class"],
            str(row["examples"]),
            f"{row['mean']:.4g}",
            f"{row['deviation']:.3g}",
            f"{row['suspects']}",
            f"{row['suspects'] / row['examples']:.1%}",
        )
        for row in worst[:_ROWS]
    ]
    head = ("class", "examples", "mean score", "deviation", "suspects", "share")
    lines += ["", table(head, rows)]
    if len(worst) > _ROWS:
        rest = len(worst) - _ROWS
        classes = "class" if rest == 1 else "classes"
        lines.append(f"and {rest} {classes} with no larger shares (--json has all)")
    return "\n".join(lines)


def _scored_by(found: dict[str, Any]) -> str:
    if "method" not in found["options"]:
        return "scored by another program"
    options = {**found["options"], "ridge": found["ridge"]}
    method, runs = options.pop("method"), options.get("runs")
    if isinstance(runs, list):
        options["runs"] = f"{min(runs)} to {max(runs)}" if len({*runs}) > 1 else runs[0]
    listed = ", ".join(f"{name} {value}" for name, value in options.items())
    return f"scored by {method} ({listed}), torch-cgprune {found['library_version']}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head as text: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, *rows):
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)
