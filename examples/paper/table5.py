"""Table 5: the three terms of the score (eq. 6), by the ratio of the others in a block."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from paper.data import Data
from paper.results import Cell, Row, by_ratio, spearman
from paper.scored import options
from paper.shown import measured, pick, sized, table, with_missing
from torch_cgprune import cg_scores

DATA = ("fashion-mnist", "cifar10")
RATIOS = (1, 2, 3, 4)
TERMS = ("(alpha - y d)² / d", "2 y (alpha - y d)", "y² d")


def cells(data: Data, _: Path) -> Iterator[Cell]:
    return by_ratio(data.names(*DATA), RATIOS, partial(terms, data))


def terms(data: Data, name: str, ratio: int) -> Row:
    """Return the mean of each term, and its rank correlation with the score."""
    examples = data.examples(name)
    scores = cg_scores(examples.pixels, examples.labels, **options(ratio, data.scale.runs))
    correlations = [spearman(term, scores.values) for term in scores.terms.T]
    return {
        "n": len(examples),
        "means": scores.terms.mean(0).tolist(),
        "score": float(scores.values.mean()),
        "spearman": correlations,
    }


def render(rows: list[Row], data: Data, _: Path) -> str:
    names, absent = measured(rows, data, *DATA)
    lines = [
        _line(these[0])
        for name in names
        for ratio in RATIOS
        if (these := pick(rows, data=name, ratio=ratio))
    ]
    header = ["scored", *TERMS, "score", *(f"Spearman of term {i}" for i in (1, 2, 3))]
    parts = [table(header, lines)] if lines else []
    return (
        "## Table 5\n\nMeans of the three terms of eq. 6 and of their sum, and the Spearman "
        f"correlation of each with the score. The paper's figures: see there."
        f"\n\n{with_missing(parts, absent, data)}"
    )


def _line(row: Row) -> list[str]:
    means = [f"{value:.3f}" for value in (*row["means"], row["score"])]
    return [f"{sized(row)}, 1:{row['ratio']}", *means, *(f"{r:.2f}" for r in row["spearman"])]
