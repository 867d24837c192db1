"""Figure 6: test accuracy of networks trained on a window of the examples sorted by score.

Where some labels are wrong they are scored as given, and the highest window gathers them. The
partial scores of the same figure stand with Figure 3, in ``noise.py``.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from paper.data import Data
from paper.pruned import trained_on
from paper.results import Cell, Row
from paper.scored import exact_scores, mislabelled
from paper.shown import (
    COLOURS,
    NOT_YET,
    legend_beside,
    linked,
    measured,
    pick,
    picture,
    picture_file,
    sized,
    table,
    with_missing,
)
from torch_cgprune import policies

DATA = ("cifar10", "cifar100")
WIDTH = 0.5
# Shares of the examples below the window; None for as many at random.
STARTS = (0.0, 0.5, 0.25, 0.4, 0.1, None)
NOISE = (0.0, 0.2)


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        for noise in NOISE:
            for start in STARTS if data.scale.data is None else STARTS[:2]:
                key = {"data": name, "noise": noise, "start": start}
                yield Cell(key, partial(inside, data, name, noise, start))


def inside(data: Data, name: str, noise: float, start: float | None) -> Row:
    """Train on a window, and return the accuracy and the share of wrong labels in it."""
    given, wrong = mislabelled(data, name, noise)
    if start is None:
        kept = policies.random(given, WIDTH)
    else:
        scores = exact_scores(data, name, noise)
        kept = policies.window(scores.values, given, start, WIDTH)
    share = float(wrong[kept].double().mean())
    return {**trained_on(data, name, kept, given), "wrong": share}


def render(rows: list[Row], data: Data, folder: Path) -> str:
    names, absent = measured(rows, data, *DATA)
    parts = []
    if names:
        path = picture_file(folder, data, "figure6")
        _draw(rows, names, path)
        parts = [linked(path, "windows of the scores"), _table(rows, names)]
    said = with_missing(parts, absent, data)
    return (
        f"## Figure 6\n\nTest accuracy in percent of networks trained on {WIDTH:.0%} of each "
        "class: a window of the examples by ascending score, by the share of them below it; the "
        "scores are of the labels as given. The paper has plots only; its partial scores against "
        f"scores stand with Figure 3.\n\n{said}"
    )


def _table(rows: list[Row], names: list[str]) -> str:
    starts = sorted(start for start in STARTS if start is not None)
    lines = []
    for name in names:
        for noise in NOISE:
            if these := pick(rows, data=name, noise=noise):
                found = [_cell(pick(these, start=start)) for start in (*starts, None)]
                lines.append([f"{sized(these[0])}, {noise:.0%} wrong", *found])
    return table(["window from", *(f"{start:.0%}" for start in starts), "at random"], lines)


def _cell(rows: list[Row]) -> str:
    if not rows:
        return NOT_YET
    wrong = f" ({rows[0]['wrong']:.0%} wrong)" if rows[0]["noise"] else ""
    return f"{rows[0]['accuracy']:.1f}{wrong}"


def _draw(rows: list[Row], names: list[str], path: Path) -> None:
    starts = [start for start in STARTS if start is not None]
    with picture(path, columns=len(names), beside=1.7) as axes:
        for ax, name in zip(axes[0], names, strict=True):
            for noise, colour in zip(NOISE, COLOURS, strict=False):
                these = pick(rows, data=name, noise=noise)
                line = sorted(
                    (row["start"], row["accuracy"]) for row in these if row["start"] is not None
                )
                at, found = ([point[i] for point in line] for i in (0, 1))
                ax.plot(at, found, "o-", ms=4, color=colour, label=f"{noise:.0%} wrong")
                for row in pick(these, start=None):
                    label = f"{noise:.0%} wrong, at random"
                    ax.axhline(row["accuracy"], ls="--", lw=1, color=colour, label=label)
            ax.set_xticks(starts, [f"{start:.0%}" for start in starts])
            ax.set(xlabel=f"below the window of {WIDTH:.0%}", title=name)
        axes[0, 0].set_ylabel("test accuracy, %")
        legend_beside(axes[0, -1], fontsize=8)
