"""Table 1: rank correlation of CG and CG' with the scores of methods that train.

The published C-scores are imported, forgetting and EL2N are of a training here. Besides the exact
scores there are the variants that may explain the paper's figure.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from image_data import augmented
from torch import Tensor

from paper.data import Data
from paper.results import Cell, Row, spearman
from paper.scored import options
from paper.shown import SEE_PAPER, mean, no_figure, pick, sized, table, with_missing
from paper.trained import baseline
from torch_cgprune import cg_scores

DATA = ("cifar10", "cifar100")
PAPER = {("cifar10", "c-score", "cg"): 0.557}
OTHERS = ("c-score", "forgetting", "el2n")
NOTE = (
    "The order of a row's numbers cannot matter: the kernel sees inner products alone. The fewer "
    "the examples, the lower the figure. The authors' published code reads the images anew for "
    "every draw, through whatever transform the data set has; those in its trainer crop (with a "
    "padding of 4), flip and standardise: 'crops and flips' here. Open: whether that gives the "
    "paper's figure at 1:4 of all 50,000, which is for a GPU (`--scale paper table1`)."
)


class Variant(NamedTuple):
    """A way to score.

    Attributes:
        prepared: how the images are, see ``PREPARED``.
        ratio: of the others in a block; None for exact scores.
        runs: draws of them.
        whole: of all examples, though a scale has fewer: beside C-scores alone, which need no
            training.

    """

    prepared: str
    ratio: int | None = None
    runs: int = 1
    whole: bool = False

    def key(self, seed: int) -> Row:
        """Return what tells a measurement of it from others, "whole" where it is."""
        about = {**self._asdict(), "seed": seed}
        return {name: part for name, part in about.items() if part is not False}

    def rows(self, rows: list[Row]) -> list[Row]:
        """Return those that are of it."""
        return pick(rows, **{**self._asdict(), "whole": self.whole or None})

    def label(self, rows: list[Row]) -> str:
        """Return it in words; its rows say how many examples all are."""
        how = "exact" if self.ratio is None else f"1:{self.ratio}, {self.runs} draws"
        size = f"{rows[0]['n']:,} " if rows else ""
        return f"{self.prepared}, {how}" + (f", all {size}examples" if self.whole else "")


def standardised(pixels: Tensor, as_in: Tensor) -> Tensor:
    """Return (n, c, h, w) float32 pixels by the channels' means and deviations in other images."""
    std, middle = torch.std_mean(as_in.float(), (0, 2, 3), keepdim=True)
    return (pixels.float() - middle) / std


def cropped(pixels: Tensor, draw: int) -> Tensor:
    """Return standardised crops of the images in a black frame, half of them mirrored."""
    rng = torch.Generator().manual_seed(draw)
    return standardised(augmented(pixels, 4, "constant", rng), as_in=pixels)


# From (n, c, h, w) uint8 pixels and the number of a draw to what is scored in it.
PREPARED: dict[str, Callable[[Tensor, int], Tensor]] = {
    "pixels": lambda pixels, _: pixels,
    "channels last": lambda pixels, _: pixels.movedim(1, -1),
    "standardised channels": lambda pixels, _: standardised(pixels, as_in=pixels),
    "crops and flips": cropped,
}
REDRAWN = ("crops and flips",)
VARIANTS = (
    Variant("pixels"),
    Variant("channels last"),
    Variant("standardised channels"),
    Variant("pixels", 1, 10),
    Variant("pixels", 4, 2),
    Variant("pixels", 4, 10),
    Variant("standardised channels", 4, 10),
    Variant("crops and flips", 1, 10),
    Variant("crops and flips", 4, 10),
    Variant("pixels", whole=True),
    Variant("crops and flips", 1, 10, whole=True),
)


def cells(data: Data, _: Path) -> Iterator[Cell]:
    score = functools.lru_cache(maxsize=1)(scored)
    for name, variant in itertools.product(data.names(*DATA), variants(data)):
        these = data.unabridged() if variant.whole else data
        for other in ("c-score",) if variant.whole else OTHERS:
            # Only of few draws is it worth asking how much they matter.
            for seed in range(data.scale.seeds if variant.runs == 2 else 1):
                measure = partial(correlation, these, score, name, other, variant, seed)
                yield Cell({"data": name, "other": other, **variant.key(seed)}, measure)


def variants(data: Data) -> list[Variant]:
    """Return those of a scale."""
    return [each for each in VARIANTS if data.scale.examples is not None or not each.whole]


def scored(data: Data, name: str, variant: Variant, seed: int) -> tuple[Tensor, Tensor]:
    """Return (n,) CG and (n,) CG' of a variant."""
    examples, prepare = data.examples(name), PREPARED[variant.prepared]
    # What differs from draw to draw is scored draw by draw.
    again = variant.runs if variant.prepared in REDRAWN else 1
    found = [
        cg_scores(
            prepare(examples.pixels, draw),
            examples.labels,
            **options(variant.ratio, variant.runs // again, draw),
        )
        for draw in range(seed * again, (seed + 1) * again)
    ]
    cg, prime = ([getattr(one, what) for one in found] for what in ("values", "cg_prime"))
    return torch.stack(cg).mean(0), torch.stack(prime).mean(0)


def correlation(
    data: Data,
    score: Callable[..., tuple[Tensor, Tensor]],
    name: str,
    other: str,
    variant: Variant,
    seed: int,
) -> Row:
    """Return Spearman correlations, positive where both call the same examples irregular."""
    against = baseline(data, name, other)
    cg, prime = score(data, name, variant, seed)
    return {"n": len(cg), "cg": spearman(cg, against), "cg'": -spearman(prime, against)}


def render(rows: list[Row], data: Data, _: Path) -> str:
    names = data.names(*DATA)
    parts = [_part(name, pick(rows, data=name), data) for name in names if pick(rows, data=name)]
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
    for variant in variants(data):
        these, found = variant.rows(rows), []
        for score, other in columns:
            absent = no_figure(data, *([f"{name}-c-scores"] if other == "c-score" else []))
            if variant.whole and other != "c-score":
                absent = ""
            found.append(mean([row[score] for row in pick(these, other=other)], absent=absent))
        lines.append([variant.label(these), *found])
    about = sized(pick(rows, whole=None)[0])
    header = [about, *(f"{score.upper()}, {o}" for score, o in columns)]
    return table(header, lines)
