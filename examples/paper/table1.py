"""Table 1: rank correlation of CG and CG' with the scores of methods that train.

The published C-scores are imported, forgetting and EL2N are of a training here. Besides the exact
scores there are the variants that may explain the paper's figure.
"""

import functools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paper.data import Data
from paper.results import Cell, Row, spearman
from paper.scored import options
from paper.shown import SEE_PAPER, mean, no_figure, pick, sized, table, with_missing
from paper.trained import baseline
from torch_cgprune import CGScores, cg_scores

DATA = ("cifar10", "cifar100")
PAPER = {("cifar10", "c-score", "cg"): 0.557}
OTHERS = ("c-score", "forgetting", "el2n")
NOTE = (
    "The order of a row's numbers cannot matter: the kernel sees inner products alone. The fewer "
    "the examples, the lower the figure: exact scores of all 50,000 of CIFAR-10 come to 0.519. "
    "Open: what gives 0.557."
)


def standardised(pixels: Tensor) -> Tensor:
    """Return (n, c, h, w) float32 pixels, every channel of mean 0 and deviation 1."""
    floats = pixels.float()
    std, middle = torch.std_mean(floats, (0, 2, 3), keepdim=True)
    return (floats - middle) / std


PREPARED: dict[str, Callable[[Tensor], Tensor]] = {
    "pixels": lambda pixels: pixels,
    "channels last": lambda pixels: pixels.movedim(1, -1),
    "standardised channels": standardised,
}
VARIANTS = (
    ("pixels", None, 1),
    ("channels last", None, 1),
    ("standardised channels", None, 1),
    ("pixels", 1, 10),
    ("pixels", 4, 2),
    ("pixels", 4, 10),
    ("standardised channels", 4, 10),
)


def cells(data: Data, _: Path) -> Iterator[Cell]:
    score = functools.lru_cache(maxsize=1)(partial(scored, data))
    for name in data.names(*DATA):
        for prepared, ratio, runs in VARIANTS:
            for other in OTHERS:
                # Only of few draws is it worth asking how much they matter.
                for seed in range(data.scale.seeds if runs == 2 else 1):
                    about = {"prepared": prepared, "ratio": ratio, "runs": runs, "seed": seed}
                    measure = partial(correlation, data, score, name, other, about)
                    yield Cell({"data": name, "other": other, **about}, measure)


def scored(data: Data, name: str, prepared: str, ratio: int | None, runs: int, seed: int) -> Any:
    """Return the scores of a variant; exact ones where there is no ratio."""
    examples = data.examples(name)
    rows = PREPARED[prepared](examples.pixels)
    return cg_scores(rows, examples.labels, **options(ratio, runs, seed))


def correlation(
    data: Data, score: Callable[..., CGScores], name: str, other: str, about: Row
) -> Row:
    """Return Spearman correlations, positive where both call the same examples irregular."""
    against = baseline(data, name, other)
    scores = score(name, **about)
    return {
        "n": len(scores),
        "cg": spearman(scores.values, against),
        "cg'": -spearman(scores.cg_prime, against),
    }


def render(rows: list[Row], data: Data, _: Path) -> str:
    names = data.names(*DATA)
    parts = [_part(name, rows, data) for name in names if pick(rows, data=name)]
    absent = [part for name in names for part in _absent(name, rows)]
    return (
        "## Table 1\n\nSpearman correlation of CG and CG' with the scores of methods that train, "
        f"by how the examples are scored; positive where both call the same irregular."
        f"\n\n{with_missing(parts, absent, data)}\n\n{NOTE}"
    )


def _absent(name: str, rows: list[Row]) -> list[str]:
    """Return what of a data set and of its C-scores has no figure."""
    these = pick(rows, data=name)
    found = {name: these, f"{name}-c-scores": pick(these, other="c-score")}
    return [part for part, these in found.items() if not these]


def _part(name: str, rows: list[Row], data: Data) -> str:
    columns = [(score, other) for other in OTHERS for score in ("cg", "cg'")]
    printed = [PAPER.get((name, other, score), SEE_PAPER) for score, other in columns]
    lines = [["the paper, 50,000 examples", *map(str, printed)]]
    for prepared, ratio, runs in VARIANTS:
        these = pick(rows, data=name, prepared=prepared, ratio=ratio, runs=runs)
        how = "exact" if ratio is None else f"1:{ratio}, {runs} draws"
        found = []
        for score, other in columns:
            absent = no_figure(data, *([f"{name}-c-scores"] if other == "c-score" else []))
            found.append(mean([row[score] for row in pick(these, other=other)], absent=absent))
        lines.append([f"{prepared}, {how}", *found])
    about = sized(pick(rows, data=name)[0])
    header = [about, *(f"{score.upper()}, {o}" for score, o in columns)]
    return table(header, lines)
