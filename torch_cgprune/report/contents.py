"""What the page shows of scores: sentences, examples, suspects."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from torch_cgprune.noise import evidence
from torch_cgprune.report.pictures import Excerpt, Pictures
from torch_cgprune.report.plots import CLASSES_SHOWN
from torch_cgprune.report.summary import ENCODE, many
from torch_cgprune.scores import CGScores

# Lines that the page's table has at most: a person looks at the worst first, and not at more.
SUSPECTS_UP_TO = 20_000
# Of every class, examples with the lowest and with the highest scores.
EXAMPLES = 8


class SuspectRow(NamedTuple):
    """A line of the page's table; its script finds the columns by these names.

    Attributes:
        example: its index.
        given: code of its label.
        suggested: code of the best other class; -1 where the method knows none.
        doubt: how likely the label is wrong, in [0, 1]; where the method has no probabilities, the
            paper's partial score.
        score: the CG-score.
        picture: base64-coded WebP, or 0.
        name: of its file, or 0.
        text: the beginning of one that was scored, or 0.

    """

    example: int
    given: int
    suggested: int
    doubt: float
    score: float
    picture: str | int
    name: str | int
    text: str | int


def suspects_of(scores: CGScores, rule: str | None) -> tuple[Tensor, Tensor]:
    """Return (m,) indices of the labels that look wrong, and (n,) bool.

    Whatever the rule, the one most probably wrong comes first: equal ones by its evidence.
    """
    if len(scores.classes) == 1:
        return scores.labels[:0], torch.zeros(len(scores), dtype=torch.bool)
    found = evidence(scores, rule)
    order = found.argsort(descending=True, stable=True)
    order = order[doubts(scores)[order].argsort(descending=True, stable=True)]
    return order[found[order] > 0], found > 0


def doubts(scores: CGScores) -> Tensor:
    """Return (n,) float64 how likely each label is wrong, or else the paper's partial score."""
    wrong = scores.wrong_probability
    return scores.first_partial if wrong is None else wrong


def suspect_rows(scores: CGScores, suspects: Tensor, pictures: Pictures) -> list[SuspectRow]:
    """Return a row of every suspect, as many as the page lists."""
    chosen = suspects[:SUSPECTS_UP_TO]
    others = _others(scores)
    rivals = chosen.new_full(chosen.shape, -1) if others is None else others[chosen]
    drawn = pictures.draw(chosen.tolist())
    columns = (chosen, scores.labels[chosen], rivals, doubts(scores)[chosen], scores.values[chosen])
    return [
        SuspectRow(
            example=index,
            given=given,
            suggested=rival,
            doubt=_brief(doubt),
            score=_brief(value),
            picture=_picture(drawn[index]) or 0,
            text=_text(drawn[index]) or 0,
            name=0 if scores.names is None else scores.names[index],
        )
        for index, given, rival, doubt, value in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _picture(drawn: str | None) -> str | None:
    return None if isinstance(drawn, Excerpt) else drawn


def _text(drawn: str | None) -> str | None:
    return drawn if isinstance(drawn, Excerpt) else None


def _others(scores: CGScores) -> Tensor | None:
    """Return (n,) the likeliest other class of each example; None where the method knows none."""
    return None if scores.own is None else scores.alternatives("the page")


def _brief(value: float) -> float:
    return float(f"{value:.4g}")


def examples_by_class(
    scores: CGScores, flagged: Tensor, pictures: Pictures
) -> list[dict[str, Any]]:
    """Return the examples of the lowest and the highest scores in every class, with pictures.

    Of more than 30 classes, those of which the largest share is flagged.
    """
    shown = []
    for code in sorted(worst_classes(scores, flagged)[:CLASSES_SHOWN]):
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
    return shown


def worst_classes(scores: CGScores, flagged: Tensor) -> list[int]:
    """Return the codes of all classes, those of which the largest share is flagged first."""
    hits = scores.labels[flagged].bincount(minlength=len(scores.classes))
    shares = hits / scores.labels.bincount()
    order: list[int] = shares.argsort(descending=True, stable=True).tolist()
    return order


def example(scores: CGScores, index: int, pictures: Pictures) -> dict[str, Any]:
    """Return what the page says of one example."""
    drawn = pictures.draw([index])[index]
    return {
        "picture": _picture(drawn),
        "text": _text(drawn),
        "name": call(scores, index),
        "class": label(scores, index),
        "score": f"{float(scores.values[index]):.3g}",
    }


def call(scores: CGScores, index: int) -> str:
    """Return the file name of an example, or its number."""
    return f"example {index}" if scores.names is None else scores.names[index]


def label(scores: CGScores, index: int) -> str:
    """Return what the class of an example is called."""
    return scores.class_names[int(scores.labels[index])]


def sentences(scores: CGScores, found: dict[str, Any], flagged: Tensor, rule: str) -> list[str]:
    """Return the summary of the page.

    Args:
        scores: of a dataset.
        found: its :func:`~torch_cgprune.report.summary.facts`.
        flagged: (n,) bool, the labels that look wrong.
        rule: which says so.

    """
    values, rate = found["scores"], found["wrong_labels"]
    first = (
        f"{many(found['examples'], 'example')} of {many(found['classes'], 'class')}. A high "
        "score marks an irregular example, one that adds much to the difficulty of the data: half "
        f"of them score below {values['median']:.3g}, the highest {values['highest']:.3g}."
    )
    said = [first, _of_suspects(scores, flagged, rule)]
    if rate:
        said.append(
            f"An estimate: {rate['estimate']:.1%} ± {rate['error']:.1%} of all labels are wrong, "
            "fewer if classes look alike."
        )
    rest = {
        "with an earlier exact copy of the same label: training loses nothing without them.": (
            found["duplicates"]
        ),
        "with a copy of another label: one of each must be wrong.": found["conflicts"],
    }
    said += [f"{many(n, 'example')} {what}" for what, n in rest.items() if n]
    if found["photographs_as_pixels"]:
        said.append(f"{ENCODE[0].upper()}{ENCODE[1:]}.")
    near = found["near_copies"]
    if near and near["pairs"]:
        said.append(
            f"{many(near['pairs'], 'pair')} of examples {'is' if near['pairs'] == 1 else 'are'} "
            f"copies or nearly, of cosine {near['cosine']:g} or more."
        )
    if found["skipped"]:
        said.append(f"{many(len(found['skipped']), 'example')} left out: not to be read or scored.")
    return said


def _of_suspects(scores: CGScores, flagged: Tensor, rule: str) -> str:
    if len(scores.classes) == 1:
        return "There is one class alone: no label can be compared with another."
    if not flagged.any():
        return f"No label looks wrong by the rule {rule}."
    k = len(scores.classes)
    worst, best = (worst_classes(scores, flagged)[end] for end in (0, -1))
    shares = scores.labels[flagged].bincount(minlength=k) / scores.labels.bincount()
    count = int(flagged.sum())
    text = (
        f"{many(count, 'label')} ({count / len(scores):.1%}) {'looks' if count == 1 else 'look'} "
        f"wrong by the rule {rule}: {float(shares[worst]):.1%} of “{scores.class_names[worst]}”, "
        f"{float(shares[best]):.1%} of “{scores.class_names[best]}”."
    )
    others = _others(scores)
    if others is None:
        return text
    pairs = (scores.labels[flagged] * k + others[flagged]).bincount()
    given, other = divmod(int(pairs.argmax()), k)
    return (
        f"{text} The most frequent suggestion is “{scores.class_names[other]}” for "
        f"“{scores.class_names[given]}” ({many(int(pairs.max()), 'time')})."
    )
