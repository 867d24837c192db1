"""What the page shows of scores: sentences, examples, suspects, copies."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.report.pictures import Pictures
from torch_cgprune.report.plots import CLASSES_SHOWN, confusion_counts
from torch_cgprune.rules import evidence
from torch_cgprune.scores import CGScores
from torch_cgprune.summary import repeats

# Lines that the page's table has at most: a person looks at the worst first, and not at more.
SUSPECTS_UP_TO = 20_000
# Of every class, examples with the lowest and with the highest scores; groups of copies.
EXAMPLES, GROUPS_UP_TO, COPIES_UP_TO = 8, 50, 12


def suspects_of(scores: CGScores, rule: str | None) -> tuple[Tensor, Tensor]:
    """Return (m,) indices of the labels that look wrong, the worst first, and (n,) bool."""
    found = scores.suspicion if len(scores.classes) == 1 else evidence(scores, rule)
    flagged = found > 0
    if len(scores.classes) == 1:
        flagged = torch.zeros_like(flagged)
    order = found.argsort(descending=True, stable=True)
    return order[flagged[order]], flagged


def suspect_rows(scores: CGScores, suspects: Tensor, pictures: Pictures) -> list[list[Any]]:
    """Return a row of every suspect, compact: the page's script knows the columns.

    They are index, code of the given label, code of the suggested one (the best other class; -1
    where the method has none), margin (or None), score, picture (or 0), name (or 0).
    """
    chosen = suspects[:SUSPECTS_UP_TO]
    rivals = chosen.new_full(chosen.shape, -1) if scores.rival is None else scores.rival[chosen]
    margins = [None] * len(chosen) if scores.margin is None else scores.margin[chosen].tolist()
    drawn = pictures.draw(chosen.tolist())
    return [
        [
            index,
            given,
            rival,
            margin if margin is None else _brief(margin),
            _brief(value),
            drawn[index] or 0,
            0 if scores.names is None else scores.names[index],
        ]
        for index, given, rival, margin, value in zip(
            chosen.tolist(),
            scores.labels[chosen].tolist(),
            rivals.tolist(),
            margins,
            scores.values[chosen].tolist(),
            strict=True,
        )
    ]


def _brief(value: float) -> float:
    return float(f"{value:.4g}")


def examples_by_class(
    scores: CGScores, flagged: Tensor, pictures: Pictures
) -> list[dict[str, Any]]:
    """Return the examples of the lowest and the highest scores in every class, with pictures.

    Of more than 30 classes, those of which the largest share is flagged.
    """
    shown = []
    for code in worst_classes(scores, flagged)[:CLASSES_SHOWN]:
        members = (scores.labels == code).nonzero().flatten()
        ranking = members[scores.values[members].argsort(stable=True)].tolist()
        low, high = ranking[:EXAMPLES], ranking[::-1][:EXAMPLES]
        shown.append(
            {
                "class": scores.class_names[code],
                "lowest": [example(scores, i, pictures) for i in low],
                "highest": [example(scores, i, pictures) for i in high],
            }
        )
    return sorted(shown, key=lambda entry: scores.class_names.index(entry["class"]))


def worst_classes(scores: CGScores, flagged: Tensor) -> list[int]:
    """Return the codes of all classes, those of which the largest share is flagged first."""
    shares = (
        scores.labels[flagged].bincount(minlength=len(scores.classes)) / scores.labels.bincount()
    )
    order: list[int] = shares.argsort(descending=True, stable=True).tolist()
    return order


def example(scores: CGScores, index: int, pictures: Pictures) -> dict[str, Any]:
    """Return what the page says of one example."""
    return {
        "index": index,
        "picture": pictures.draw([index])[index],
        "name": call(scores, index),
        "class": scores.class_names[int(scores.labels[index])],
        "score": f"{float(scores.values[index]):.3g}",
    }


def call(scores: CGScores, index: int) -> str:
    """Return the file name of an example, or its number."""
    return f"example {index}" if scores.names is None else scores.names[index]


def copies(scores: CGScores, pictures: Pictures) -> list[dict[str, Any]]:
    """Return groups of exact copies, those of different labels first, with their picture."""
    _, groups, counts = scores.digests.unique(return_inverse=True, return_counts=True)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index in (counts[groups] > 1).nonzero().flatten().tolist():
        members[int(groups[index])].append(index)
    found = [
        {
            "conflict": len(scores.labels[group].unique()) > 1,
            "picture": pictures.draw(group[:1])[group[0]],
            "members": [(call(scores, i), _label(scores, i)) for i in group[:COPIES_UP_TO]],
            "more": max(0, len(group) - COPIES_UP_TO),
        }
        for group in sorted(members.values(), key=lambda group: _agree(scores, group))[
            :GROUPS_UP_TO
        ]
    ]
    return [{**entry, "groups": len(members)} for entry in found]


def scaled_copies(scores: CGScores) -> int:
    """Return how many examples are another's copy but for brightness: equal rows up to scale."""
    _, groups, counts = scores.digests.unique(return_inverse=True, return_counts=True)
    alone = counts[groups] == 1
    return int((alone & (repeats(scores) | scores.conflicts)).sum())


def _agree(scores: CGScores, group: list[int]) -> bool:
    return len(scores.labels[group].unique()) == 1


def _label(scores: CGScores, index: int) -> str:
    return scores.class_names[int(scores.labels[index])]


def sentences(scores: CGScores, found: dict[str, Any], flagged: Tensor, rule: str) -> list[str]:
    """Return the summary of the page.

    Args:
        scores: of a dataset.
        found: its :func:`~torch_cgprune.summary.facts`.
        flagged: (n,) bool, the labels that look wrong.
        rule: which says so.

    """
    values, n = found["scores"], len(scores)
    first = (
        f"{n:,} examples of {found['classes']} classes. A high score marks an irregular example, "
        "one that adds much to the difficulty of the data: half of them score below "
        f"{values['median']:.3g}, the highest {values['highest']:.3g}."
    )
    said = [first]
    count = int(flagged.sum())
    if count:
        said.append(_of_suspects(scores, count, flagged, rule))
    else:
        said.append(
            "No label looks wrong."
            if found["classes"] > 1
            else "There is one class alone: no label can be compared with another."
        )
    if found["wrong_labels"]:
        rate = found["wrong_labels"]
        said.append(
            f"An estimate from the surest examples of each class: {rate['estimate']:.1%} ± "
            f"{rate['error']:.1%} of all labels are wrong."
        )
    if found["duplicates"]:
        said.append(
            f"{found['duplicates']:,} examples are exact copies of earlier ones, with the same "
            "label: training loses nothing without them."
        )
    if found["conflicts"]:
        said.append(
            f"{found['conflicts']:,} examples have a copy of another label: one of each must be "
            "wrong."
        )
    if found["skipped"]:
        said.append(f"{len(found['skipped'])} files could not be read and were left out.")
    return said


def _of_suspects(scores: CGScores, count: int, flagged: Tensor, rule: str) -> str:
    worst, best = (worst_classes(scores, flagged)[end] for end in (0, -1))
    sizes, hits = (
        scores.labels.bincount(),
        scores.labels[flagged].bincount(minlength=len(scores.classes)),
    )
    text = (
        f"{count:,} labels ({count / len(scores):.1%}) look wrong by the rule {rule}: "
        f"{int(hits[worst]) / int(sizes[worst]):.1%} of “{scores.class_names[worst]}”, "
        f"{int(hits[best]) / int(sizes[best]):.1%} of “{scores.class_names[best]}”."
    )
    if scores.own is None:
        return text
    off = confusion_counts(scores).fill_diagonal_(0)
    if not off.any():
        return text
    given, other = divmod(int(off.argmax()), len(scores.classes))
    return (
        f"{text} The most frequent suggestion is “{scores.class_names[other]}” for "
        f"“{scores.class_names[given]}” ({int(off.max()):,} times)."
    )
