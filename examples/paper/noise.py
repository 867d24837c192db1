"""Figures 3, 6c, 13 and 14: scores where labels are wrong, and how soon they are found."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from matplotlib.lines import Line2D
from sklearn.metrics import roc_auc_score
from torch import Tensor

from paper.data import Data
from paper.results import Cell, Row
from paper.scored import exact_scores, mislabelled
from paper.shown import (
    COLOURS,
    linked,
    mean,
    measured,
    pick,
    picture,
    picture_file,
    sized,
    table,
    with_missing,
)
from torch_cgprune import CGScores, cg_scores

DATA = ("mnist", "fashion-mnist", "cifar10", "cifar100")
SHARES = (0.0, 0.2, 0.5, 0.8)
BINS, POINTS = 40, 300
EXAMINED = [step / 20 for step in range(21)]  # shares of the examples, the most suspicious first


class Shown(NamedTuple):
    """How a ranking of the examples is named and drawn."""

    label: str
    colour: str
    line: Literal["-", "--"] = "-"


RANKINGS = {
    "cg": Shown("CG-score", COLOURS[0]),
    "partial": Shown("partial score", COLOURS[2]),
    "posterior": Shown("posterior (ours)", COLOURS[1]),
}


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for seed in range(data.scale.seeds):
        for name in data.names(*DATA):
            for share in SHARES[bool(seed) :]:  # nothing is drawn where all labels are right
                key = {"data": name, "noise": share, "seed": seed}
                yield Cell(key, partial(measure, data, name, share, seed))


def measure(data: Data, name: str, share: float, seed: int) -> Row:
    """Return densities of the scores and how many wrong labels are among the most suspicious."""
    given, wrong = mislabelled(data, name, share, seed)
    scores = exact_scores(data, name, share, seed)
    found: Row = {"n": len(given), "densities": densities(scores, wrong)}
    if not share:
        return found
    pixels = data.examples(name).pixels
    ours = cg_scores(pixels, given, method="exact", progress=False).wrong_probability
    assert ours is not None
    by = {"cg": scores.values, "partial": scores.partial, "posterior": ours}
    return found | {
        "found": {how: found_by(values, wrong) for how, values in by.items()},
        "auroc": {how: float(roc_auc_score(wrong, values)) for how, values in by.items()},
        "points": points(scores, wrong),
    }


def densities(scores: CGScores, wrong: Tensor) -> dict[str, Any]:
    """Return a histogram of the scores of right and of wrong labels, without the highest 0.5 %."""
    high = float(scores.values.quantile(0.995))
    edges = np.linspace(0, high, BINS + 1)
    counts = [np.histogram(scores.values[part].numpy(), edges)[0] for part in (~wrong, wrong)]
    return {"high": high, "right": counts[0].tolist(), "wrong": counts[1].tolist()}


def found_by(values: Tensor, wrong: Tensor) -> list[float]:
    """Return which share of the wrong labels is among each share in ``EXAMINED``.

    Of equal values, such as times of forgetting, the first index is met first.
    """
    hits = wrong[values.argsort(descending=True, stable=True)].double().cumsum(0) / wrong.sum()
    ends = [round(share * len(values)) for share in EXAMINED]
    return [round(float(hits[end - 1]), 4) if end else 0.0 for end in ends]


def points(scores: CGScores, wrong: Tensor) -> list[list[float]]:
    """Return score, partial score and whether the label is wrong, of some examples."""
    rng = torch.Generator().manual_seed(0)
    some = torch.randperm(len(wrong), generator=rng)[:POINTS]
    both = torch.stack([scores.values[some], scores.partial[some], wrong[some].double()], 1)
    return [[round(value, 4) for value in point] for point in both.tolist()]


def render(rows: list[Row], data: Data, folder: Path) -> str:
    names, absent = measured(rows, data, *DATA)
    shown = [_pictures(name, rows, picture_file(folder, data, "noise", name)) for name in names]
    lines = [
        [f"{name}, {share:.0%} wrong", label, *_line(pick(rows, data=name, noise=share), how)]
        for name in names
        for share in SHARES[1:]
        for how, (label, *_) in RANKINGS.items()
    ]
    header = ["", "ranked by", "AUROC", *(f"found in {share:.0%}" for share in SHARES[1:])]
    sizes = "; ".join(sized(pick(rows, data=name)[0]) for name in names)
    parts = [*shown, table(header, lines)] if names else []
    return (
        f"## Figures 3, 6c, 13, 14\n\nExact scores, symmetric noise ({sizes or 'of no data yet'}): "
        "densities of right and of wrong labels, the share of wrong ones found among the most "
        "suspicious (grey: from what is met at random to the best possible), the partial score "
        'against the score. The paper has plots only. "Posterior" is the default of the library, '
        f"with its ridge.\n\n{with_missing(parts, absent, data)}"
    )


def _line(rows: list[Row], how: str) -> list[str]:
    at = [EXAMINED.index(share) for share in SHARES[1:]]
    found = [mean([row["found"][how][i] for row in rows], ".2f") for i in at]
    return [mean([row["auroc"][how] for row in rows]), *found]


def _pictures(name: str, rows: list[Row], path: Path) -> str:
    with picture(path, rows=3, columns=len(SHARES)) as axes:
        for column, share in zip(axes.T, SHARES, strict=True):
            if these := pick(rows, data=name, noise=share, seed=0):
                _densities(column[0], these[0]["densities"], share)
            if these and share:
                found_curves(column[1], share, these[0]["found"], RANKINGS)
                column[1].legend(frameon=False, fontsize=7, loc="lower right")
                _partial(column[2], these[0]["points"])
        for ax in axes[1:, 0]:
            ax.set_axis_off()
    return linked(path, f"{name}: densities, wrong labels found, partial score against score")


def _densities(ax: Any, counts: dict[str, Any], share: float) -> None:
    edges = np.linspace(0, counts["high"], BINS + 1)
    for kind, colour in (("right", COLOURS[0]), ("wrong", COLOURS[1])):
        if (total := sum(counts[kind])) > 0:
            density = np.array(counts[kind]) / (total * (edges[1] - edges[0]))
            ax.stairs(density, edges, color=colour, fill=True, alpha=0.5, label=f"{kind} label")
    ax.set(xlabel="CG-score", ylabel="density", title=f"{share:.0%} wrong")
    ax.legend(frameon=False)


def found_curves(
    ax: Any, share: float, found: Mapping[str, Sequence[float]], styles: Mapping[str, Shown]
) -> None:
    """Draw what is found by what is examined; in grey, from what is met at random to the best.

    Args:
        ax: to draw on.
        share: of the labels that are wrong.
        found: by ranking, a share of the wrong labels for each of ``EXAMINED``.
        styles: of the rankings, in the order in which they are drawn.

    """
    ax.fill_between([0, share, 1], [0, 1, 1], [0, share, 1], color="#f1f1f1", lw=0, zorder=0)
    for how, style in styles.items():
        if how in found:
            ax.add_line(line_of(style, EXAMINED, found[how]))
    ax.set_xticks(SHARES[1:], [f"{tick:.0%}" for tick in SHARES[1:]])
    ax.set_yticks([0, 0.5, 1], ["none", "half", "all"])
    ax.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="examined", ylabel="wrong labels found")


def line_of(style: Shown, x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    """Return a line in the style of a ranking."""
    return Line2D(x, y, linestyle=style.line, color=style.colour, lw=1.6, label=style.label)


def _partial(ax: Any, points: list[list[float]]) -> None:
    score, part, wrong = torch.tensor(points).T
    for is_wrong, kind in enumerate(("right", "wrong")):
        these = wrong == is_wrong
        ax.scatter(score[these], part[these], s=6, color=COLOURS[is_wrong], label=f"{kind} label")
    ax.axhline(0, lw=1, color=COLOURS[-1])
    ax.set(xlabel="CG-score", ylabel="partial score")
    ax.legend(frameon=False, fontsize=7)
