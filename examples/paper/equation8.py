"""What is left of the score without the inverse (sec. 3.2): CG' beside the exact score."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from paper.data import Data
from paper.results import Cell, Row, spearman
from paper.scored import exact_scores
from paper.shown import (
    COLOURS,
    SEE_PAPER,
    linked,
    measured,
    pick,
    picture,
    picture_file,
    sized,
    table,
    with_missing,
)

DATA = ("mnist", "fashion-mnist", "cifar10", "cifar100")
POINTS = 400


def cells(data: Data, _: Path) -> Iterator[Cell]:
    for name in data.names(*DATA):
        yield Cell({"data": name}, partial(compare, data, name))


def compare(data: Data, name: str) -> Row:
    """Return rank correlations with the exact score, and some of both scores."""
    scores = exact_scores(data, name)
    others = {"cg'": -scores.cg_prime, "residual": scores.residual, "d": scores.terms[:, 2]}
    rng = torch.Generator().manual_seed(0)
    some = torch.randperm(len(scores), generator=rng)[:POINTS]
    shown = torch.stack([scores.cg_prime[some], scores.values[some]], 1).tolist()
    return {
        "n": len(scores),
        "points": [[round(value, 4) for value in point] for point in shown],
        **{how: spearman(other, scores.values) for how, other in others.items()},
    }


def render(rows: list[Row], data: Data, folder: Path) -> str:
    names, absent = measured(rows, data, *DATA)
    lines = []
    for row in (pick(rows, data=name)[0] for name in names):
        found = [f"{row[how]:.3f}" for how in ("cg'", "residual", "d")]
        lines.append([sized(row), SEE_PAPER, *found])
    header = ["Spearman with the score of", "the paper", "-CG'", "residual alone", "d alone"]
    parts = []
    if names:
        path = picture_file(folder, data, "equation8")
        _draw(rows, names, path)
        parts = [linked(path, "CG and CG-prime"), table(header, lines)]
    return (
        "## Equation 8\n\nWhat is left without the inverse: CG' is a sum of similarities, high for "
        "regular examples; of the exact score, d (y - μ)², the leave-one-out residual |y - μ| and "
        "d. Open: the paper's own approximation, in the form of its eq. 8, which was not at hand."
        f"\n\n{with_missing(parts, absent, data)}"
    )


def _draw(rows: list[Row], names: list[str], path: Path) -> None:
    with picture(path, columns=len(names)) as axes:
        for ax, name in zip(axes[0], names, strict=True):
            prime, exact = torch.tensor(pick(rows, data=name)[0]["points"]).T
            ax.scatter(prime, exact, s=6, color=COLOURS[0])
            ax.set(xlabel="CG'", ylabel="CG-score", title=name)
