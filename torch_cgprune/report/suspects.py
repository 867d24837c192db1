"""The labels that look wrong, as rows of the page's list, and what is typical of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from torch_cgprune.noise import evidence
from torch_cgprune.report.pictures import Excerpt, Pictures
from torch_cgprune.scores import CGScores

# Lines that the page's list has at most: a person looks at the worst first, and not at more.
SUSPECTS_UP_TO = 20_000
# Typical examples that are shown of a class, and classes that are offered before the others.
TYPICAL, LIKELY = 2, 3


class SuspectRow(NamedTuple):
    """A line of the page's list; its script finds the columns by these names.

    Attributes:
        example: its index.
        given: code of its label.
        suggested: code of the best other class; -1 where the method knows none.
        doubt: how likely the label is wrong, in [0, 1]; where the method has no probabilities, the
            paper's partial score.
        chance: how likely the suggested class is, in [0, 1]; -1 where the method does not tell.
        score: the CG-score.
        picture: base64-coded WebP, or 0.
        name: of its file, or 0.
        text: the beginning of one that was scored, or 0.
        likely: codes of the next likeliest classes.

    """

    example: int
    given: int
    suggested: int
    doubt: float
    chance: float
    score: float
    picture: str | int
    name: str | int
    text: str | int
    likely: list[int]


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


def rivals(scores: CGScores) -> Tensor:
    """Return (n,) int64 the likeliest other class of each example; -1 where none is known."""
    if scores.own is None:
        return torch.full_like(scores.labels, -1)
    return scores.alternatives("the page")


class Guesses(NamedTuple):
    """What the other examples say of the labels of m examples.

    Attributes:
        chances: m probabilities of the classes that are suggested; -1 where nobody knows.
        likely: m lists of the next likeliest classes, without the given and the suggested one.

    """

    chances: list[float]
    likely: list[list[int]]


def guesses(scores: CGScores, chosen: Tensor) -> Guesses:
    """Return what the other examples say of the labels of (m,) examples."""
    m, k = len(chosen), len(scores.classes)
    if scores.loo is None or k == 1:
        return Guesses([-1.0] * m, [[]] * m)
    probabilities = scores.pred_probs()[chosen]
    told = torch.stack([rivals(scores)[chosen], scores.labels[chosen]], dim=1)
    chances = probabilities.gather(1, told)[:, 0]
    rest = probabilities.scatter(1, told, -1.0).topk(min(LIKELY, k - 2), dim=1).indices
    return Guesses(chances.tolist(), rest.tolist())


def suspect_rows(scores: CGScores, suspects: Tensor, pictures: Pictures) -> list[SuspectRow]:
    """Return a row of every suspect, as many as the page lists."""
    chosen = suspects[:SUSPECTS_UP_TO]
    drawn = pictures.draw(chosen.tolist())
    of_all = (scores.labels, rivals(scores), doubts(scores), scores.values)
    columns = (chosen, *(column[chosen] for column in of_all))
    lists = (*(column.tolist() for column in columns), *guesses(scores, chosen))
    return [
        SuspectRow(
            example=index,
            given=given,
            suggested=rival,
            doubt=brief(doubt),
            chance=brief(chance),
            score=brief(value),
            picture=picture(drawn[index]) or 0,
            text=text(drawn[index]) or 0,
            name=0 if scores.names is None else scores.names[index],
            likely=likely,
        )
        for index, given, rival, doubt, value, chance, likely in zip(*lists, strict=True)
    ]


def typical(scores: CGScores, rows: Sequence[SuspectRow], flagged: Tensor) -> dict[int, list[int]]:
    """Return the indices of typical examples of every class in the rows, the first ones first.

    Those are the ones of the lowest scores whose label does not look wrong; copies that score 0
    stand for others, and are left out.
    """
    codes = dict.fromkeys(code for row in rows for code in (row.given, row.suggested) if code >= 0)
    fit = ~flagged & (scores.terms[:, 2] > 0)
    found = {}
    for code in codes:
        members = (fit & (scores.labels == code)).nonzero().flatten()
        lowest = scores.values[members].argsort(stable=True)[:TYPICAL]
        found[code] = members[lowest].tolist()
    return found


def picture(drawn: str | None) -> str | None:
    """Return what was drawn, where it is a picture."""
    return None if isinstance(drawn, Excerpt) else drawn


def text(drawn: str | None) -> str | None:
    """Return what was drawn, where it is the beginning of a text."""
    return drawn if isinstance(drawn, Excerpt) else None


def brief(value: float) -> float:
    """Return a number of four digits: a page has many."""
    return float(f"{value:.4g}")


def worst_classes(scores: CGScores, flagged: Tensor) -> list[int]:
    """Return the codes of all classes, those of which the largest share is flagged first."""
    hits = scores.labels[flagged].bincount(minlength=len(scores.classes))
    shares = hits / scores.labels.bincount()
    order: list[int] = shares.argsort(descending=True, stable=True).tolist()
    return order


def call(scores: CGScores, index: int) -> str:
    """Return the file name of an example, or its number."""
    return f"example {index}" if scores.names is None else scores.names[index]


def label(scores: CGScores, index: int) -> str:
    """Return what the class of an example is called."""
    return scores.class_names[int(scores.labels[index])]
