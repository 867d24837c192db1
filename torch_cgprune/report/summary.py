"""What a scoring found, as plain values and as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.errors import Argument, ArgumentValueError
from torch_cgprune.inputs.labels import Labels, encode_labels
from torch_cgprune.noise import estimate_noise_rate
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.groups import of_several_labels
from torch_cgprune.scores.said import repeats, suspicion_rule

# What helps where photographs are scored as pixels, from the shell and in Python.
ENCODE = (
    "photographs are scored as pixels: an encoder sees more (--encoder NAME, in Python "
    "features=encoders.load(NAME))"
)
# Classes in a table of text; the others are in the JSON.
_ROWS = 20


def facts(scores: CGScores) -> dict[str, Any]:
    """Return what there is to say of scores, as JSON values: what ``--json`` prints.

    Returns:
        ``examples`` and ``classes``, how many; ``source``, as it was named in the shell;
        ``options``, ``ridge`` (the one used), ``library_version``, ``fingerprint``; ``scores``:
        ``lowest``, ``median``, ``highest``; ``suspects``: ``count``, ``share`` in [0, 1], ``rule``;
        ``wrong_labels``: ``estimate``, ``error``, or None where none would be reliable;
        ``duplicates``, later exact copies of the same label; ``conflicts``, copies of another;
        ``near_copies``: None where nobody looked for them, or ``cosine`` from which on, ``pairs``,
        ``groups`` (of exact copies too), ``groups_of_several_labels``; ``skipped``, names of what
        cannot be scored; ``photographs_as_pixels``, whether an encoder would see more;
        ``per_class``: ``class``, ``examples``, ``mean``, ``deviation``, ``suspects``,
        ``complexity``, ``bound``.

    """
    low, high = scores.values.aminmax()
    suspects, n = int(scores.suspects.sum()), len(scores)
    rate = None if scores.wrong_probability is None else estimate_noise_rate(scores)
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
        "near_copies": _near_copies(scores),
        "skipped": scores.metadata.get("source", {}).get("skipped", []),
        "photographs_as_pixels": scores.metadata.get("photographs_as_pixels", False),
        "per_class": _per_class(scores),
    }


def _median(scores: CGScores) -> float:
    return float(scores.values.median())


def _near_copies(scores: CGScores) -> dict[str, Any] | None:
    if scores.near_copies is None:
        return None
    several = of_several_labels(scores.copy_groups, scores.labels)
    return {
        "cosine": scores.metadata.get("options", {}).get("near"),
        "pairs": len(scores.near_copies),
        "groups": len(several),
        "groups_of_several_labels": int(several.sum()),
    }


def _per_class(scores: CGScores) -> list[dict[str, Any]]:
    rows, suspects = [], scores.suspects
    for code, name in enumerate(scores.class_names):
        inside = scores.labels == code
        values = scores.values[inside]
        rows.append(
            {
                "class": name,
                "examples": len(values),
                "mean": float(values.mean()),
                "deviation": float(values.std(correction=0)),
                "suspects": int(suspects[inside].sum()),
                "complexity": float(scores.complexity[code]),
                "bound": float(scores.bound[code]),
            }
        )
    return rows


def in_words(found: dict[str, Any]) -> str:
    """Return what :func:`facts` found as text, the classes with most suspects first."""
    source = f" from {found['source']}" if found["source"] else ""
    lines = [
        f"{many(found['examples'], 'example')} of {many(found['classes'], 'class')}{source}",
        scored_by(found),
        "",
        *_findings(found),
        "",
        *_class_lines(found["per_class"]),
    ]
    return "\n".join(lines)


def many(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def _findings(found: dict[str, Any]) -> list[str]:
    suspects, values, rate = found["suspects"], found["scores"], found["wrong_labels"]
    span = f"{values['lowest']:.4g} to {values['highest']:.4g}, median {values['median']:.4g}"
    flagged = f"{many(suspects['count'], 'label')} {'looks' if suspects['count'] == 1 else 'look'}"
    lines = [
        f"scores       {span}",
        f"suspects     {flagged} wrong ({suspects['share']:.1%}) by the rule {suspects['rule']}",
    ]
    if rate:
        about = f"about {rate['estimate']:.1%} ± {rate['error']:.1%} of all labels are wrong"
        lines.append(f"estimate     {about}, fewer if classes look alike")
    copies = many(found["duplicates"], "exact duplicate")
    conflicts = many(found["conflicts"], "example")
    lines.append(f"copies       {copies}, {conflicts} with a copy of another label")
    if near := found["near_copies"]:
        lines.append(
            f"near copies  {many(near['pairs'], 'pair')} of cosine {near['cosine']:g} or more; in "
            f"all {many(near['groups'], 'group')} of copies, {near['groups_of_several_labels']} of "
            "them with different labels"
        )
    if found["skipped"]:
        lines.append(
            f"left out     {many(len(found['skipped']), 'example')} not to be read or scored"
        )
    if found["photographs_as_pixels"]:
        lines.append(f"pixels       {ENCODE}")
    return lines


def _class_lines(per_class: list[dict[str, Any]]) -> list[str]:
    worst = sorted(per_class, key=lambda row: -row["suspects"] / row["examples"])
    rows = [
        (
            row["class"],
            str(row["examples"]),
            f"{row['mean']:.4g}",
            f"{row['deviation']:.3g}",
            str(row["suspects"]),
            f"{row['suspects'] / row['examples']:.1%}",
        )
        for row in worst[:_ROWS]
    ]
    lines = [table(("class", "examples", "mean score", "deviation", "suspects", "share"), rows)]
    if rest := worst[_ROWS:]:
        lines.append(f"and {many(len(rest), 'class')} with no larger share (--json has all)")
    return lines


def scored_by(found: dict[str, Any]) -> str:
    """Return how what :func:`facts` found was scored, in words."""
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


def wrong_labels(scores: CGScores, true_labels: Labels) -> Tensor:
    """Return (n,) bool, where the given labels are not the true ones.

    These may be class values or names; where both fit, they are values.

    Raises:
        ValueError: not one label per example, or labels of other classes altogether.

    """
    codes, classes = encode_labels(true_labels)
    if len(codes) != len(scores):
        raise ArgumentValueError(
            "The %s must be one per example. Got %d for %d.",
            Argument("true_labels"),
            len(codes),
            len(scores),
            parameter="true_labels",
        )
    called = [str(name) for name in classes]
    values = [str(name) for name in scores.classes]
    known = max(values, scores.class_names, key=lambda names: len({*names} & {*called}))
    place = {name: code for code, name in enumerate(known)}
    if not {*place} & {*called}:
        raise ArgumentValueError(
            "The %s are of other classes: %r is none of %s.",
            Argument("true_labels"),
            called[0],
            known[:20],
            parameter="true_labels",
            value=called[0],
        )
    return torch.tensor([place.get(name, -1) for name in called])[codes] != scores.labels


def confusion_counts(scores: CGScores) -> Tensor:
    """Return (k, k) int64 how often a class (row) is given and another (column) suggested."""
    k = len(scores.classes)
    return (scores.labels * k + scores.suggested_labels).bincount(minlength=k * k).view(k, k)
