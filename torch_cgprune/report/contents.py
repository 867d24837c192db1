"""What is on the page, as values for its template and its script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_cgprune.advice.compare import saved_advice
from torch_cgprune.inputs.labels import Labels
from torch_cgprune.lists.decisions import Decision
from torch_cgprune.noise import evidence
from torch_cgprune.report import classes, suspects
from torch_cgprune.report.advised import advice_data
from torch_cgprune.report.cards import cards
from torch_cgprune.report.copies import copies, scaled_copies
from torch_cgprune.report.pictures import SMALL, Pictures, side_for
from torch_cgprune.report.plane import plane
from torch_cgprune.report.policy_table import policy_table
from torch_cgprune.report.summary import ENCODE, facts, scored_by, wrong_labels
from torch_cgprune.scores import CGScores
from torch_cgprune.scores.said import suspicion_rule

# Of 10 MB that the page may have, in characters: the rest is for tables, the map and names.
PICTURES_UP_TO, TYPICAL_UP_TO = 5_500_000, 700_000
# Steps of one percent, where that many tables are neither slow to count nor large.
_FINE_UP_TO = {"examples": 100_000, "classes": 30}
# Shares examined at which is told how many wrong labels are found.
_EXAMINED = 50


@dataclass(frozen=True)
class Request:
    """What somebody wants to see.

    Attributes:
        title: of the page.
        keep: share with which what policies keep begins.
        rule: which labels look wrong; None for the scores' own.
        true_labels: n labels, where they are known.
        called: the file of the scores, for commands of the shell.
        decided: what has been decided of labels, by index.
        served: whether a server takes decisions, and has larger pictures.

    """

    title: str
    keep: float = 0.6
    rule: str | None = None
    true_labels: Labels | None = None
    called: str | None = None
    decided: Mapping[int, Decision] | None = None
    served: bool = False


@dataclass(frozen=True)
class Drawing:
    """Where pictures come from; see :class:`Pictures`."""

    dataset: Any = None
    threads: int = 0
    budget: int = PICTURES_UP_TO
    progress: bool = False

    def pictures(self, side: int, budget: int) -> Pictures:
        """Return pictures of some size."""
        return Pictures(
            self.dataset, budget, threads=self.threads, side=side, progress=self.progress
        )


def contents(scores: CGScores, drawing: Drawing, asked: Request) -> dict[str, Any]:
    """Return what the template of the page is filled with."""
    found, rule = facts(scores), asked.rule or suspicion_rule(scores)
    order, flagged = suspects.suspects_of(scores, asked.rule)
    pictures = drawing.pictures(side_for(len(order)), drawing.budget)
    groups, all_groups = copies(scores, pictures)
    rows = suspects.suspect_rows(scores, order, pictures)
    examples = classes.examples_by_class(scores, flagged, pictures)
    pictures.close()
    advice = saved_advice(scores)
    data = _of_labels(scores, flagged, rows, asked)
    data |= {
        "typical": _typical(scores, rows, flagged, drawing),
        "classRows": classes.class_rows(scores, flagged),
        "examples": examples,
        "histogram": classes.histogram(scores, flagged),
        "map": plane(scores, flagged),
        "policies": policy_table(scores, _percents(scores), flagged),
        "advice": advice and advice_data(advice, scores, flagged),
        "keep": round(100 * asked.keep),
        "called": asked.called,
        "served": asked.served,
        "foundWrong": _found_wrong(scores, asked),
    }
    return {
        "title": asked.title,
        "facts": found,
        "rule": rule,
        "scored_by": scored_by(found),
        "encode": ENCODE,
        "cards": cards(scores, found, flagged, advice, asked.called),
        "advice": advice,
        "copies": groups,
        "all_copies": all_groups,
        "scaled_copies": scaled_copies(scores),
        "suspects": len(order),
        "listed": len(rows),
        "pictured": sum(bool(row.picture or row.text) for row in rows),
        "of_texts": any(row.text for row in rows),
        "suggests": scores.own is not None,
        "probable": data["probable"],
        "has_source": drawing.dataset is not None,
        "served": asked.served,
        "called": asked.called,
        "data": data,
    }


def _of_labels(
    scores: CGScores, flagged: Tensor, rows: list[suspects.SuspectRow], asked: Request
) -> dict[str, Any]:
    """Return what the script needs to list labels and to take decisions on them."""
    k = len(scores.classes)
    decided = asked.decided or {}
    return {
        "key": scores.metadata.get("fingerprint"),
        "classes": [*scores.class_names],
        "counts": scores.labels.bincount(minlength=k).tolist(),
        "flagged": scores.labels[flagged].bincount(minlength=k).tolist(),
        "columns": suspects.SuspectRow._fields,
        "probable": scores.wrong_probability is not None,
        "suspects": rows,
        "decided": [decision_row(scores, index, one) for index, one in decided.items()],
    }


def decision_row(scores: CGScores, index: int, one: Decision) -> list[Any]:
    """Return a decision with what else the CSV file has of its example."""
    new = -1 if one.new_label is None else one.new_label
    name = 0 if scores.names is None else scores.names[index]
    return [index, one.wrong, new, int(scores.labels[index]), name]


def _typical(
    scores: CGScores, rows: list[suspects.SuspectRow], flagged: Tensor, drawing: Drawing
) -> dict[int, list[str]]:
    """Return pictures of typical examples, by the code of their class."""
    pictures = drawing.pictures(SMALL, TYPICAL_UP_TO)
    found = {}
    for code, chosen in suspects.typical(scores, rows, flagged).items():
        drawn = pictures.draw(chosen).values()
        found[code] = [shown for shown in map(suspects.picture, drawn) if shown]
    pictures.close()
    return found


def _percents(scores: CGScores) -> list[int]:
    sizes = {"examples": len(scores), "classes": len(scores.classes)}
    step = 1 if all(sizes[name] <= limit for name, limit in _FINE_UP_TO.items()) else 5
    return [*range(step, 101, step)]


def _found_wrong(scores: CGScores, asked: Request) -> list[float] | None:
    """Return the share of the wrong labels among the most suspicious 0, 1, .. 50 fiftieths."""
    if asked.true_labels is None or len(scores.classes) == 1:
        return None
    wrong = wrong_labels(scores, asked.true_labels)
    if not wrong.any():
        return None
    order = evidence(scores, asked.rule).argsort(descending=True, stable=True)
    found = torch.cat([torch.zeros(1), wrong[order].double().cumsum(0) / wrong.sum()])
    at = np.linspace(0, len(wrong), _EXAMINED + 1).round().astype(int)
    return [suspects.brief(share) for share in found[torch.from_numpy(at)].tolist()]
