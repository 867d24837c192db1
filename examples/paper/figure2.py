"""Figures 2 and 12: test accuracy of networks trained on what is left of pruned data sets.

Low-scoring examples first, which keeps the irregular ones, and high-scoring ones first, which keeps
the regular ones; inside every class, as the authors' published code does it, and for as many steps
as all of the data are trained for (sec. 4.1).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

import torch
from torch import Tensor

from paper.data import Data
from paper.pruned import trained_by_craig, trained_on
from paper.results import Cell, Row
from paper.scored import exact_scores
from paper.shown import (
    COLOURS,
    NOT_YET,
    linked,
    mean,
    measured,
    no_figure,
    pick,
    picture,
    picture_file,
    table,
    with_missing,
)
from paper.trained import baseline
from torch_cgprune import policies
from torch_cgprune.samplers.selection import Selection

DATA = ("cifar10", "fashion-mnist", "cifar100")
# Shares that are pruned, the most telling first: at scale small, some methods have two of them.
PRUNED = (0.3, 0.7, 0.5, 0.9, 0.1)
AT_TWO = ("GraNd", "TracIn", "CRAIG")
LOW, HIGH = "low-scoring first", "high-scoring first"
Method: TypeAlias = tuple[str, str]  # and the end that is pruned first, "" where there is none
UNPUBLISHED = (("C-score", "fashion-mnist"),)
STYLES = {
    "CG-score": (COLOURS[0], "o-"),
    "CG-score of features": (COLOURS[1], "s-"),
    "forgetting": (COLOURS[1], "s-"),
    "EL2N": (COLOURS[2], "^-"),
    "C-score": (COLOURS[3], "D-"),
    "GraNd": ("#5fb7c4", "v:"),
    "TracIn": ("#c2456b", "*:"),
    "CRAIG": ("#b8862b", "P:"),
    "random": (COLOURS[4], "x--"),
    "herding": (COLOURS[1], "s--"),
    "soft": (COLOURS[2], "^--"),
    "stratified": (COLOURS[3], "D--"),
}
NOTE = (
    "GraNd is that at initialisation, TracIn the influence on 1,000 other images: low-scoring "
    "first drops what helps them least. CRAIG chooses anew in every twentieth of a training, soft "
    "draws anew with every pass over what it keeps: in a training both see more than that, while "
    "all others keep one selection. Random is the mean over several seeds, with their range in the "
    "picture: differences below that are none."
)


def cg_score(data: Data, name: str) -> Tensor:
    """Return (n,) CG-scores."""
    return exact_scores(data, name).values


# From a data set to (n,) scores, pruned from either end; high for irregular, TracIn's for helpful.
SCORES: dict[str, Callable[[Data, str], Tensor]] = {
    "CG-score": cg_score,
    "forgetting": partial(baseline, method="forgetting"),
    "EL2N": partial(baseline, method="el2n"),
    "C-score": partial(baseline, method="c-score"),
    "GraNd": partial(baseline, method="grand"),
    "TracIn": partial(baseline, method="tracin"),
}


def at_random(data: Data, name: str, keep: float, seed: int) -> Selection:
    return policies.random(data.examples(name).labels, keep, seed=seed)


def herded(data: Data, name: str, keep: float, seed: int) -> Selection:
    examples = data.examples(name)
    return policies.herding(examples.pixels, examples.labels, keep, seed=seed)


def softly(data: Data, name: str, keep: float, seed: int) -> Selection:
    scores = exact_scores(data, name)
    return lambda epoch: policies.soft(scores.values, scores.labels, keep, seed=seed, epoch=epoch)


def by_strata(data: Data, name: str, keep: float, seed: int) -> Selection:
    scores = exact_scores(data, name)
    return policies.stratified(scores.values, scores.labels, keep, seed=seed)


# Beyond the paper, but for the control: from a data set, the share kept and a seed to what is kept.
OTHERS: dict[str, Callable[[Data, str, float, int], Selection]] = {
    "random": at_random,
    "herding": herded,
    "soft": softly,
    "stratified": by_strata,
}


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        yield _cell(data, name, "all", "", 0.0)
        for pruned, (how, order) in itertools.product(shares(data), _methods(name)):
            if pruned in shares(data, how):
                yield _cell(data, name, how, order, pruned)
    for seed in range(1, data.scale.seeds):  # how much chance there is in the others
        for name in data.names(*DATA):
            yield _cell(data, name, "all", "", 0.0, seed)
            for pruned in shares(data):
                yield _cell(data, name, "random", "", pruned, seed)


def shares(data: Data, how: str = "random") -> tuple[float, ...]:
    """Return the shares that are pruned at a scale, by a method."""
    few = data.scale.name == "small" and how in AT_TWO
    return PRUNED[:2] if few or data.scale.data is not None else PRUNED


def _methods(name: str) -> list[Method]:
    """Return how a data set is pruned."""
    scores = [how for how in SCORES if (how, name) not in UNPUBLISHED]
    return [*itertools.product(scores, (LOW, HIGH)), *((how, "") for how in ("CRAIG", *OTHERS))]


def _cell(data: Data, name: str, how: str, order: str, pruned: float, seed: int = 0) -> Cell:
    key = {"data": name, "method": how, "order": order, "pruned": pruned, "seed": seed}
    return Cell(key, partial(left, data, name, how, order, pruned, seed))


def left(
    data: Data,
    name: str,
    how: str,
    order: str,
    pruned: float,
    seed: int = 0,
    network: str | None = None,
) -> Row:
    """Train on what a method leaves of a data set."""
    keep, labels = 1 - pruned, data.examples(name).labels
    if how == "CRAIG":
        return trained_by_craig(data, name, keep, seed)
    if how == "all":
        kept: Selection = torch.arange(len(labels))
    elif how in OTHERS:
        kept = OTHERS[how](data, name, keep, seed)
    else:
        policy = policies.low_first if order == LOW else policies.high_first
        kept = policy(SCORES[how](data, name), labels, keep)
    return trained_on(data, name, kept, seed=seed, network=network)


def render(rows: list[Row], data: Data, folder: Path) -> str:
    names, absent = measured(rows, data, *DATA)
    parts = []
    if names:
        path = picture_file(folder, data, "figure2")
        _draw(rows, names, path)
        tables = [table_of(pick(rows, data=name), _methods(name), name, data) for name in names]
        parts = [linked(path, "pruning curves"), *tables]
    published = [name for name in names if ("C-score", name) not in UNPUBLISHED]
    absent += [f"{n}-c-scores" for n in published if not pick(rows, data=n, method="C-score")]
    said = with_missing(parts, absent, data)
    return (
        "## Figures 2, 12\n\nTest accuracy in percent by the share that is pruned, inside every "
        "class, at the same number of steps. The paper has plots only, of scores pruned from "
        f"either end, of CRAIG and of random choice; what stands below that is this library's."
        f"\n\n{said}\n\n{NOTE}"
    )


def table_of(rows: list[Row], methods: Iterable[Method], about: str, data: Data) -> str:
    """Return the accuracies of some methods, a column a share that is pruned."""
    pruned = sorted({row["pruned"] for row in rows} - {0})
    lines = [["nothing pruned", accuracy(pick(rows, method="all")), *[""] * len(pruned)]]
    for how, order in methods:
        these = pick(rows, method=how, order=order)
        absent = no_figure(data, *([f"{rows[0]['data']}-c-scores"] if how == "C-score" else []))
        due = shares(data, how)
        found = [
            accuracy(pick(these, pruned=share), absent if share in due else "") for share in pruned
        ]
        lines.append([f"{how}, {order}" if order else how, "", *found])
    about = f"{about}, {rows[0]['n']:,} examples, {rows[0]['steps']:,} steps"
    return table([about, "0%", *(f"{share:.0%}" for share in pruned)], lines)


def accuracy(rows: list[Row], absent: str = NOT_YET) -> str:
    """Return the mean accuracy in words; see :func:`paper.shown.mean`."""
    return mean([row["accuracy"] for row in rows], ".1f", absent)


def _draw(rows: list[Row], names: list[str], path: Path) -> None:
    everywhere = [("CRAIG", ""), ("random", "")]
    panels = {order: [*((how, order) for how in SCORES), *everywhere] for order in (LOW, HIGH)}
    panels["beyond the paper"] = [("CG-score", LOW), *((how, "") for how in OTHERS)]
    with picture(path, rows=len(names), columns=len(panels)) as axes:
        for line, name in zip(axes, names, strict=True):
            for ax, (title, methods) in zip(line, panels.items(), strict=True):
                ax.sharey(line[0])
                curves(ax, pick(rows, data=name), methods)
                ax.set_title(f"{name}: {title}", fontsize=9)
            line[0].set_ylabel("test accuracy, %")
        for ax in axes[-1]:
            ax.set_xlabel("share pruned")
        for ax in axes[0]:
            ax.legend(frameon=False, fontsize=7, loc="lower left")


def curves(ax: Any, rows: list[Row], methods: Iterable[Method]) -> None:
    """Draw the accuracies of some methods by the share that is pruned."""
    whole = [row["accuracy"] for row in pick(rows, method="all")]
    if whole:
        ax.axhline(fmean(whole), ls=":", lw=1, color=COLOURS[4], label="nothing pruned")
    for how, order in methods:
        these = pick(rows, method=how, order=order)
        found = {row["pruned"]: [] for row in these} | ({0: whole} if whole else {})
        for row in these:
            found[row["pruned"]].append(row["accuracy"])
        if these:
            at, (colour, style) = sorted(found), STYLES[how]
            label = f"{how}, {order}" if how == "CG-score" else how
            middle = [fmean(found[share]) for share in at]
            ax.plot(at, middle, style, color=colour, ms=4, label=label)
        if how == "random" and these:
            lowest, highest = ([end(found[share]) for share in at] for end in (min, max))
            ax.fill_between(at, lowest, highest, color=colour, alpha=0.25)
    ax.set_xlim(0, 1)
