"""Figure 5: how close sampled scores come to the exact ones, and to each other (App. A.3)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from paper.data import Data
from paper.results import Cell, Row, by_ratio, spearman
from paper.scored import exact_scores, options
from paper.shown import (
    COLOURS,
    SEE_PAPER,
    legend_beside,
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
from torch_cgprune import cg_scores

DATA = ("cifar10",)
PAPER = {1: 0.829, 2: 0.914, 3: 0.953, 4: 0.973}  # with the exact scores, after 20 draws


def cells(data: Data, _: Path) -> Iterator[Cell]:
    return by_ratio(data.names(*DATA), PAPER, partial(correlations, data))


def correlations(data: Data, name: str, ratio: int) -> Row:
    """Return Spearman correlations after 1, 2, .. draws, as many again for a second mean."""
    examples = data.examples(name)
    exact = exact_scores(data, name).values
    runs = [
        cg_scores(examples.pixels, examples.labels, **options(ratio, seed=seed)).values
        for seed in range(2 * data.scale.runs)
    ]
    half = len(runs) // 2
    return {
        "n": len(examples),
        "exact": [_rounded(average, exact) for average in _averages(runs)],
        "pairs": [
            _rounded(*both)
            for both in zip(_averages(runs[:half]), _averages(runs[half:]), strict=True)
        ],
    }


def _averages(runs: list[Tensor]) -> Iterator[Tensor]:
    """Yield the mean of the first, of the first two, and so on."""
    sums = torch.stack(runs).cumsum(0)
    yield from sums / torch.arange(1, len(runs) + 1)[:, None]


def _rounded(one: Tensor, other: Tensor) -> float:
    return round(spearman(one, other), 4)


def render(rows: list[Row], data: Data, folder: Path) -> str:
    parts = []
    names, absent = measured(rows, data, *DATA)
    for name in names:
        these, path = pick(rows, data=name), picture_file(folder, data, "figure5", name)
        _draw(these, path)
        parts += [linked(path, f"{name}: correlations by draws"), _table(name, these)]
    return (
        "## Figure 5\n\nSpearman correlation of the mean of several draws with the exact scores, "
        f"and with the mean of as many other draws.\n\n{with_missing(parts, absent, data)}"
    )


def _table(name: str, rows: list[Row]) -> str:
    draws = len(rows[0]["exact"])
    header = [
        *(
            sized(rows[0]),
            f"with exact, {draws} draws",
            "the paper, 20 draws",
        ),
        *(f"two means of {draws // 2}", "the paper"),
    ]
    lines = []
    for ratio, printed in PAPER.items():
        these = pick(rows, ratio=ratio)
        exact, pairs = ([row[how][-1] for row in these] for how in ("exact", "pairs"))
        theirs = [f"{printed:.3f}", SEE_PAPER] if name in DATA else ["", ""]
        lines.append([f"1:{ratio}", mean(exact), theirs[0], mean(pairs), theirs[1]])
    return table(header, lines)


def _draw(rows: list[Row], path: Path) -> None:
    said = {"exact": "Spearman with exact scores", "pairs": "Spearman of two such means"}
    with picture(path, columns=2, beside=0.7) as axes:
        for ax, how in zip(axes[0], said, strict=True):
            for row, colour in zip(rows, COLOURS, strict=False):
                draws = range(1, len(row[how]) + 1)
                ax.plot(draws, row[how], ".-", color=colour, label=f"1:{row['ratio']}")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.set(xlabel="draws in a mean", ylabel=said[how])
        legend_beside(axes[0, 1])
